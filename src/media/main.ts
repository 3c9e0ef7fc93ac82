/** `npm run start:media` */
import { createProviders } from '../providers/providers.js';
import { runProgram } from '../runtime/program.js';

await runProgram(
  {
    name: 'media-service',
    programs: ['media'],
    start: async (settings, log) => {
      // Loaded in here, where it is seen to that this leaves no memory behind.
      const { startMedia } = await import('./start-media.js');
      return startMedia(settings, log, createProviders(settings, log));
    },
  },
  process,
);
