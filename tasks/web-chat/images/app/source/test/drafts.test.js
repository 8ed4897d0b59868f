import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createDrafts } from '../public/js/drafts.js';

class Storage {
  items = new Map();
  getItem(key) { return this.items.get(key) ?? null; }
  setItem(key, value) { this.items.set(key, value); }
  removeItem(key) { this.items.delete(key); }
}

test('each chat has its own draft', () => {
  const drafts = createDrafts(new Storage(), 'demo', 'mara');
  drafts.save('general', 'one');
  drafts.save('design', 'two');
  drafts.clear('general');
  assert.equal(drafts.load('general'), '');
  assert.equal(drafts.load('design'), 'two');
});

test('an empty draft is not kept', () => {
  const storage = new Storage();
  const drafts = createDrafts(storage, 'demo', 'mara');
  drafts.save('general', 'one');
  drafts.save('general', '');
  assert.equal(storage.items.size, 0);
});

test('people do not share drafts', () => {
  const storage = new Storage();
  createDrafts(storage, 'demo', 'mara').save('general', 'one');
  assert.equal(createDrafts(storage, 'demo', 'jonas').load('general'), '');
});
