import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatabaseSettings } from '../../database/interface.ts';
import { checkLocalLoop } from './local-loop.ts';

const own = { host: '127.0.0.1', port: 4000 };
const primary: DatabaseSettings = { role: 'primary', term: 1, replication: { enabled: false } };

function following(database: string, host = '', enabled = true): DatabaseSettings {
  const upstream = { host, port: 4000, database, username: 'admin', password: 'secret' };
  return { role: 'replica', term: 0, replication: { enabled, upstream } };
}

function check(name: string, settings: DatabaseSettings, others: Record<string, DatabaseSettings>): void {
  checkLocalLoop(name, settings, (other) => others[other], own);
}

test('databases of one server that would follow each other in a circle are refused, whatever the host is called', () => {
  const loop = { code: 'REPLICATION_LOOP' };
  assert.throws(() => check('a', following('b'), { b: following('a') }), loop);
  assert.throws(() => check('a', following('b'), { b: following('c', '127.0.0.1'), c: following('a') }), {
    ...loop,
    message: /a → b → c → a/,
  });
});

test('a chain on one server, and a loop that others are in, are no business of this database', () => {
  check('a', following('b'), { b: following('c'), c: primary });
  check('a', following('b'), { b: following('c'), c: following('b') });
  check('a', following('b'), { b: following('a', '127.0.0.2') });
  check('a', following('b'), { b: following('a', '', false) });
  check('a', following('gone'), {});
});
