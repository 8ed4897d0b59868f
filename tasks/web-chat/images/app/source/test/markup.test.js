import assert from 'node:assert/strict';
import { test } from 'node:test';

import { escapeHtml, preview, toHtml, toText } from '../shared/markup.js';

test('styles become elements', () => {
  assert.equal(toHtml('*bold* _italic_ ~strike~ `code`'), '<strong>bold</strong> <em>italic</em> <del>strike</del> <code>code</code>');
});

test('styles can be nested', () => {
  assert.equal(toHtml('*very _very_ bold*'), '<strong>very <em>very</em> bold</strong>');
});

test('stars and underscores inside words are left alone', () => {
  assert.equal(toHtml('snake_case_name 2*3*4'), 'snake_case_name 2*3*4');
});

test('nothing inside code is looked at', () => {
  assert.equal(toHtml('`*a* https://b.example`'), '<code>*a* https://b.example</code>');
});

test('addresses become links', () => {
  const link = '<a href="https://a.example/?b=1&amp;c=2" target="_blank" rel="noreferrer">https://a.example/?b=1&amp;c=2</a>';
  assert.equal(toHtml('see https://a.example/?b=1&c=2'), `see ${link}`);
});

test('names of members are marked', () => {
  assert.equal(toHtml('hi @Mara Lind!', ['Mara Lind']), 'hi <span class="mention">@Mara Lind</span>!');
  assert.equal(toHtml('hi @Mara Linden', ['Mara Lind']), 'hi @Mara Linden');
});

test('HTML is escaped', () => {
  assert.equal(escapeHtml(`<a b="c" d='e'> & f`), '&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt; &amp; f');
  assert.equal(toHtml('<img src=x>'), '&lt;img src=x&gt;');
});

for (const typed of ['*bold* and `code`', 'first\nsecond', "Tom & Jerry's \"show\"", 'https://a.example/?b=1&c=2', 'ask @Mara Lind']) {
  test(`comes back as typed: ${JSON.stringify(typed)}`, () => {
    assert.equal(toText(toHtml(typed, ['Mara Lind'])), typed);
  });
}

test('a preview is one short line', () => {
  assert.equal(preview(toHtml('first\nsecond')), 'first second');
  assert.equal(preview('a'.repeat(100), 10), 'aaaaaaaaa…');
});
