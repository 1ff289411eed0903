import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import process from 'node:process';

/** Processes that this program started and that still run, with the signal that ends them at once. */
const running = new Map<ChildProcess, NodeJS.Signals>();

process.on('exit', () => {
  for (const [child, signal] of running) {
    child.kill(signal);
  }
});

/** Starts a process that does not outlive this one, unless this one is killed with SIGKILL. */
export function startChild(
  command: string,
  parameters: readonly string[],
  options: SpawnOptions & { readonly lastSignal?: NodeJS.Signals },
): ChildProcess {
  const { lastSignal = 'SIGKILL', ...spawnOptions } = options;
  const child = spawn(command, parameters, spawnOptions);
  running.set(child, lastSignal);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Resolves when the process has ended. */
export async function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => child.once('exit', resolve));
  }
  return child.exitCode ?? child.signalCode ?? 'SIGKILL';
}

/** Runs a program to its end and returns what it printed. @throws Error with its messages when it fails */
export async function runProgram(
  command: string,
  parameters: readonly string[],
  options: SpawnOptions,
): Promise<string> {
  const child = startChild(command, parameters, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout?.on('data', (part: Buffer) => output.push(part));
  child.stderr?.on('data', (part: Buffer) => errors.push(part));
  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (child.exitCode !== 0) {
    throw new Error(`${command} ended with ${child.exitCode ?? child.signalCode}: ${Buffer.concat(errors).toString()}`);
  }
  return Buffer.concat(output).toString();
}
