/** The coordinator of one machine: its contract, and what happens to its file. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import type { CoordinatorSettings } from '../../src/cluster/interface.ts';
import { testContract } from './contract.ts';
import { coordinatorSettings } from './settings.ts';

const root = mkdtempSync(path.join(os.tmpdir(), 'quorate-coordinator-'));
after(() => rmSync(root, { recursive: true, force: true }));

function settingsIn(name: string): CoordinatorSettings {
  return coordinatorSettings({ coordinator: 'local', coordinatorDir: path.join(root, name) });
}

testContract({ name: 'local', settings: () => settingsIn('contract'), ttlMs: 400, removalMs: 500 });
