// Finding and completing the mention at the caret.

// What is being typed after an `@`, up to the caret; null when the caret is not in a mention.
export function mentionQuery(text, caret) {
  const match = /(?:^|\s)@([\p{L}-]*)$/u.exec(text.slice(0, caret));
  return match ? match[1] : null;
}

function plain(text) {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

// People with a name part that starts with the query; accents and case do not matter.
export function suggest(people, query) {
  const wanted = plain(query);
  return people.filter((person) => plain(person.name).split(' ').some((part) => part.startsWith(wanted)));
}

// The text with the mention completed, and where the caret goes.
export function completeMention(text, caret, name) {
  const start = text.lastIndexOf('@');
  const mention = `@${name}`;
  const rest = text.slice(caret);
  const space = /^\s/.test(rest) ? '' : ' ';
  return {
    text: text.slice(0, start) + mention + space + rest,
    caret: start + mention.length + 1,
  };
}
