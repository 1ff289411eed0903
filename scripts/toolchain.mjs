// Brings a fresh clone to where TypeScript can run: the locked packages and the pinned Node. Any Node >= 20, no packages.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPinnedNode, isSuitable, minimumNode, platformPackage } from '../bin/pinned-node.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url));
const modules = path.join(root, 'node_modules');
const quiet = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error'];

/** An error whose message is all that a person needs to see. */
export class ToolchainError extends Error {}

function readJson(file) {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'));
}

/** Names what the lock file asks for and node_modules lacks. Packages for other platforms are optional and do not count. */
function missingPackages() {
  const wanted = readJson('package-lock.json').packages;
  const record = path.join(modules, '.package-lock.json');
  const present = existsSync(record) ? readJson('node_modules/.package-lock.json').packages : {};
  return Object.keys(wanted).filter(
    (name) => name !== '' && !wanted[name].optional && present[name]?.version !== wanted[name].version,
  );
}

function runNpm(argumentList, directory = root) {
  // The Node in node_modules is what npm is about to replace: npm must run on the one of the machine.
  const searchPath = (process.env.PATH ?? '').split(path.delimiter).filter((entry) => !entry.startsWith(modules));
  return spawnSync('npm', argumentList, {
    cwd: directory,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: searchPath.join(path.delimiter) },
  });
}

function requireSuccess(result, what) {
  if (result.error?.code === 'ENOENT') {
    throw new ToolchainError(
      `${what} failed: npm is not on the PATH.\nInstall Node 20 or newer with npm, then try again.`,
    );
  }
  if (result.status !== 0) {
    throw new ToolchainError(
      `${what} failed (npm ended with ${result.status ?? result.signal}); its own message is above.\n` +
        'If the registry cannot be reached, check the network and `npm config get registry`, then try again.',
    );
  }
}

/** Installs the locked packages when node_modules is absent or has other versions. @throws ToolchainError */
export function installPackages() {
  const missing = missingPackages();
  if (missing.length === 0) {
    return;
  }
  process.stderr.write(`Installing ${missing.length} packages into node_modules …\n`);
  // Not `npm ci`: it removes node_modules under programs that are running, and refuses a lock file that lacks the
  // binaries of other platforms. Without saving, `npm install` takes the locked versions and leaves the lock file alone.
  requireSuccess(runNpm(['install', ...quiet]), 'npm install');
}

/**
 * The Node that runs everything else: this one if it is new enough, else the pinned one. A newer npm may not run the
 * install script that downloads it; then the package of this platform is fetched here.
 * @throws ToolchainError
 */
export function suitableNode() {
  if (isSuitable(process.version)) {
    return process.execPath;
  }
  return findPinnedNode(root) ?? fetchPinnedNode();
}

function fetchPinnedNode() {
  const pinned = path.join(modules, 'node');
  const { version } = readJson('node_modules/node/package.json');
  const name = `${platformPackage()}@${version}`;
  process.stderr.write(`Fetching ${name}, the Node that Quorate runs on …\n`);
  requireSuccess(runNpm(['install', ...quiet, name], pinned), name);
  const binary = findPinnedNode(root);
  if (binary === undefined) {
    throw new ToolchainError(
      `There is no Node ${minimumNode} or newer for ${process.platform} ${process.arch} in node_modules.\n` +
        `This is Node ${process.version}. Install a newer one from https://nodejs.org and try again.`,
    );
  }
  return binary;
}
