// The markup of messages. What is typed becomes HTML once, when a message is posted or edited, and is turned back into
// what was typed for the edit box, the previews and the search.

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

function decodeEntities(html) {
  return html
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&');
}

const STYLES = { '*': 'strong', _: 'em', '~': 'del' };

// Code first, so that nothing inside it is looked at; then addresses; then styles, which start and end at a word.
const TOKEN = /`([^`\n]+)`|(https?:\/\/[^\s<>"'`]+)|(?<![\w*_~])([*_~])(?=\S)([^\n]*?\S)\3(?![\w*_~])/g;

function mentionPattern(names) {
  const alternatives = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  return alternatives ? new RegExp(`(?<!\\w)@(?:${alternatives})(?!\\w)`, 'g') : null;
}

function withMentions(text, mentions) {
  const html = escapeHtml(text);
  return mentions ? html.replace(mentions, '<span class="mention">$&</span>') : html;
}

function inline(text, mentions) {
  let html = '';
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, code, address, style, styled] = match;
    html += withMentions(text.slice(end, match.index), mentions);
    end = match.index + whole.length;
    if (code !== undefined) {
      html += `<code>${escapeHtml(code)}</code>`;
    } else if (address !== undefined) {
      const href = escapeHtml(address);
      html += `<a href="${href}" target="_blank" rel="noreferrer">${href}</a>`;
    } else {
      html += `<${STYLES[style]}>${inline(styled, mentions)}</${STYLES[style]}>`;
    }
  }
  return html + withMentions(text.slice(end), mentions);
}

// `names` are the people who can be mentioned.
export function toHtml(text, names = []) {
  const mentions = mentionPattern(names);
  return text
    .split('\n')
    .map((line) => inline(line, mentions))
    .join('<br>');
}

export function toText(html) {
  return decodeEntities(html)
    .replace(/<br>/g, '\n')
    .replace(/<code>(.*?)<\/code>/g, '`$1`')
    .replace(/<\/?strong>/g, '*')
    .replace(/<\/?em>/g, '_')
    .replace(/<\/?del>/g, '~')
    .replace(/<[^>]*>/g, '');
}

// One line for the list of chats.
export function preview(html, length = 80) {
  const line = toText(html).replace(/\s+/g, ' ');
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
