// Finds a Node that can run Quorate. Runs on any Node >= 20 and uses nothing but Node.
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** The oldest Node whose node:sqlite has what Quorate needs. */
export const minimumNode = '24.15.0';

/** A placeholder or a cut download is far smaller than this. */
const minimumBinaryBytes = 1024 * 1024;

/** Whether a version such as `v26.10.0` can run Quorate. */
export function isSuitable(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  const [neededMajor, neededMinor] = minimumNode.split('.').map(Number);
  return major > neededMajor || (major === neededMajor && minor >= neededMinor);
}

/** Name of the package that holds the binary for this platform, as the npm package `node` names it. */
export function platformPackage() {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  return `${prefix}-${process.platform}-${process.arch}`;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).size > minimumBinaryBytes;
  } catch {
    return false;
  }
}

function packageVersion(directory) {
  try {
    return JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}

/** The packages below one node_modules that may hold a binary; only the platform's own has it when scripts are blocked. */
function candidates(modules) {
  return [
    path.join(modules, 'node'),
    path.join(modules, 'node', 'node_modules', platformPackage()),
    path.join(modules, platformPackage()),
  ];
}

/** The path of a suitable Node in the node_modules of `start` or of a folder above it, or undefined. */
export function findPinnedNode(start) {
  for (let directory = start; ; directory = path.dirname(directory)) {
    for (const candidate of candidates(path.join(directory, 'node_modules'))) {
      const version = packageVersion(candidate);
      const binary = path.join(candidate, 'bin', 'node');
      if (version !== undefined && isSuitable(version) && isExecutable(binary)) {
        return binary;
      }
    }
    if (path.dirname(directory) === directory) {
      return undefined;
    }
  }
}
