/** Topic patterns as RabbitMQ matches them: words between dots, `*` for one word, `#` for any number of words, none included. */

export function topicMatches(pattern: string, routingKey: string): boolean {
  return matches(words(pattern), words(routingKey));
}

/** The empty key has no word, as in RabbitMQ. */
function words(text: string): readonly string[] {
  return text === '' ? [] : text.split('.');
}

function matches(pattern: readonly string[], key: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return key.length === 0;
  if (first === '#') return matches(rest, key) || (key.length > 0 && matches(pattern, key.slice(1)));
  return key.length > 0 && (first === '*' || first === key[0]) && matches(rest, key.slice(1));
}
