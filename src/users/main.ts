/** `npm run start:users` */
import { runProgram } from '../runtime/program.js';
import { createUsersService } from './users-service.js';

await runProgram({ name: 'user-service', programs: ['users'], start: createUsersService }, process);
