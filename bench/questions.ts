/** All questions, in the order in which they are asked and shown. */
import { invalidations, undisturbed } from './questions/invalidations.js';
import { list, newLists, workers } from './questions/list.js';
import { allMisses, oneMiss, someMisses } from './questions/misses.js';
import { oneUser } from './questions/one-user.js';
import { owners } from './questions/owners.js';
import type { Question } from './questions/question.js';
import { uploads } from './questions/uploads.js';

export const questions: readonly Question[] = [oneUser, list, newLists, someMisses, allMisses, oneMiss, undisturbed, invalidations, uploads, ...owners, workers];
