import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Workspace, Workspaces } from '../server/workspaces.js';

const chat = (workspace, person, id) => workspace.chats(person).find((candidate) => candidate.id === id);

test('a workspace is made once', () => {
  const workspaces = new Workspaces();
  assert.equal(workspaces.open('a'), workspaces.open('a'));
  assert.notEqual(workspaces.open('a'), workspaces.open('b'));
});

test('people see the chats that they are in', () => {
  const workspace = new Workspace('a');
  assert.equal(chat(workspace, 'mara', 'jonas-tomas'), undefined);
  assert.equal(chat(workspace, 'jonas', 'jonas-tomas').name, 'Tomás Ortega');
  assert.throws(() => workspace.messages('mara', 'jonas-tomas'), { status: 404 });
});

test('messages of others are unread until the position moves', () => {
  const workspace = new Workspace('a');
  workspace.post('jonas', 'general', 'one');
  workspace.post('priya', 'general', 'two');
  assert.equal(chat(workspace, 'mara', 'general').unread, 2);
  workspace.setRead('mara', 'general', chat(workspace, 'mara', 'general').lastSeq);
  assert.equal(chat(workspace, 'mara', 'general').unread, 0);
});

test('the position can move back', () => {
  const workspace = new Workspace('a');
  const message = workspace.post('jonas', 'general', 'one');
  workspace.setRead('mara', 'general', message.seq);
  workspace.setRead('mara', 'general', message.seq - 1);
  assert.equal(chat(workspace, 'mara', 'general').unread, 1);
});

test('only the author edits and removes', () => {
  const workspace = new Workspace('a');
  const { id } = workspace.post('mara', 'general', 'one');
  assert.throws(() => workspace.edit('jonas', 'general', id, 'two'), { status: 403 });
  assert.throws(() => workspace.remove('jonas', 'general', id), { status: 403 });
  assert.equal(workspace.edit('mara', 'general', id, '*two*').html, '<strong>two</strong>');
  workspace.remove('mara', 'general', id);
  assert.equal(workspace.messages('mara', 'general').some((message) => message.id === id), false);
});

test('a message needs text', () => {
  assert.throws(() => new Workspace('a').post('mara', 'general', '  '), { status: 400 });
});

test('search finds every word, newest first', () => {
  const workspace = new Workspace('a');
  workspace.post('mara', 'general', 'Lunch at noon');
  workspace.post('mara', 'design', 'Noon is too early for lunch');
  workspace.post('mara', 'design', 'lunch');
  const found = workspace.search('mara', 'NOON lunch').map((message) => message.chatId);
  assert.deepEqual(found, ['design', 'general']);
});
