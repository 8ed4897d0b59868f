import assert from 'node:assert/strict';
import { test } from 'node:test';

import { completeMention, mentionQuery, suggest } from '../public/js/mentions.js';

const people = [{ name: 'Mara Lind' }, { name: 'Jonas Weber' }, { name: 'Tomás Ortega' }];
const names = (query) => suggest(people, query).map((person) => person.name);

test('the query is what follows the @', () => {
  assert.equal(mentionQuery('hi @jo', 6), 'jo');
  assert.equal(mentionQuery('@', 1), '');
  assert.equal(mentionQuery('hi @jo there', 12), null);
});

test('an @ inside a word is no mention', () => {
  assert.equal(mentionQuery('mail a@b', 8), null);
});

test('people are found by any part of their name', () => {
  assert.deepEqual(names('l'), ['Mara Lind']);
  assert.deepEqual(names('WE'), ['Jonas Weber']);
  assert.deepEqual(names('tomas'), ['Tomás Ortega']);
  assert.deepEqual(names('x'), []);
});

test('a mention is completed at the end', () => {
  assert.deepEqual(completeMention('hi @jo', 6, 'Jonas Weber'), { text: 'hi @Jonas Weber ', caret: 16 });
});

test('a mention is completed before other words', () => {
  assert.deepEqual(completeMention('@jo please', 3, 'Jonas Weber'), { text: '@Jonas Weber please', caret: 13 });
});
