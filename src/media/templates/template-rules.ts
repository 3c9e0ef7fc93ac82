/**
 * What a template is called at the provider, per language of ours: read from the file that MESSAGE_TEMPLATES names.
 * Invariant: a template that the file does not name is sent under its own name, with its language as the locale.
 */
import { z } from 'zod';
import { AppError } from '../../contract/errors.js';
import { identifier } from '../../contract/identifier.js';
import { readJsonFile } from '../../runtime/json-file.js';

const rule = z.strictObject({
  /** The provider's name of the template; default as it is called here. */
  name: identifier.optional(),
  /** `hing` is no locale: one that the provider knows. */
  locale: identifier,
  /** Of the header, unless a send names another: the id of a stored media. */
  mediaId: identifier.optional(),
});

const table = z.record(identifier, z.record(identifier, rule).refine((languages) => Object.keys(languages).length > 0, 'must have a language'));

export interface TemplateRule {
  readonly name: string;
  readonly locale: string;
  /** Undefined: no header, unless a send names one. */
  readonly mediaId: string | undefined;
}

export class TemplateRules {
  readonly #table: z.output<typeof table>;

  private constructor(rules: z.output<typeof table>) {
    this.#table = rules;
  }

  /** `path` undefined: no rules. @throws Error naming what is wrong in the file. */
  static async read(path: string | undefined): Promise<TemplateRules> {
    return new TemplateRules(path === undefined ? {} : await readJsonFile(path, table));
  }

  /** @throws AppError BAD_USER_INPUT when the template has languages, and this is none of them. */
  of(template: string, language: string): TemplateRule {
    const languages = Object.hasOwn(this.#table, template) ? this.#table[template] : undefined;
    if (!languages) return { name: template, locale: language, mediaId: undefined };
    const found = Object.hasOwn(languages, language) ? languages[language] : undefined;
    if (!found) throw new AppError('BAD_USER_INPUT', `The template is known in ${Object.keys(languages).join(', ')} only.`);
    return { name: found.name ?? template, locale: found.locale, mediaId: found.mediaId };
  }

  /** The ids of all media that it names, each once. */
  get mediaIds(): readonly string[] {
    const rules = Object.values(this.#table).flatMap((languages) => Object.values(languages));
    return [...new Set(rules.flatMap(({ mediaId }) => mediaId ?? []))];
  }
}
