/** An empty project on a chosen Node that installs the package as anybody would. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** What bin/pinned-node.mjs exports; it is JavaScript, since it runs before there is anything else. */
interface PinnedNode {
  readonly minimumNode: string;
  platformPackage(): string;
  findPinnedNode(start: string): string | undefined;
}

const pinned: PinnedNode = await import(new URL('../bin/pinned-node.mjs', import.meta.url).href);

export const { minimumNode } = pinned;

export const repository = fileURLToPath(new URL('..', import.meta.url));

export const compiler = path.join(repository, 'node_modules', '.bin', 'tsc');

/** What takes longer, as npm does whose registry does not answer, has failed. */
const timeoutMs = 120_000;

/** Where programs run, and which Node they find by its name. */
export interface Place {
  readonly directory: string;
  readonly nodeFolder: string;
}

/** The clone and its Node. */
export const here: Place = { directory: repository, nodeFolder: path.dirname(process.execPath) };

/** Runs a program and returns what it printed; what it leaves for its user stays in the folder. */
export function run({ directory, nodeFolder }: Place, program: string, ...args: string[]): string {
  const result = spawnSync(program, args, {
    cwd: directory,
    encoding: 'utf8',
    timeout: timeoutMs,
    env: {
      ...process.env,
      // The package makes its own.
      NODE_COMPILE_CACHE: undefined,
      PATH: [nodeFolder, process.env.PATH].join(path.delimiter),
      XDG_CONFIG_HOME: path.join(directory, 'config'),
    },
  });
  if (result.status !== 0) {
    const outcome = result.error?.message ?? `ended with ${result.status ?? result.signal}`;
    throw new Error(`${path.basename(program)} ${args.join(' ')}: ${outcome}\n${result.stdout}${result.stderr}`);
  }
  return result.stdout;
}

/** Runs `npm install`, from npm's cache as far as it goes. */
function install(place: Place, ...args: string[]): void {
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  try {
    run(place, 'npm', 'install', ...quiet, ...args);
  } catch (cause) {
    throw new Error(
      `npm could not install ${args.join(' ')}. This test needs the registry of npm, or its cache: check the network and ` +
        `"npm config get registry".\n${(cause as Error).message}`,
      { cause },
    );
  }
}

/** Builds and packs a copy, so that the clone is left as it is; returns the archive. */
export function pack(directory: string): string {
  const staging = path.join(directory, 'staging');
  mkdirSync(staging);
  for (const name of ['package.json', 'bin', 'proto', 'docs', 'deploy', 'README.md', 'LICENSE']) {
    cpSync(path.join(repository, name), path.join(staging, name), { recursive: true });
  }
  run(here, compiler, '-p', 'tsconfig.build.json', '--outDir', path.join(staging, 'dist'));
  const scripts = ['--ignore-scripts', '--silent'];
  run({ ...here, directory: staging }, 'npm', 'pack', ...scripts, '--pack-destination', directory);
  const archive = readdirSync(directory).find((name) => name.endsWith('.tgz'));
  if (archive === undefined) {
    throw new Error('npm pack made no archive');
  }
  return path.join(directory, archive);
}

/** The folder of the program of Node in the given version: the one of this clone, or one that is installed in the folder. */
export function nodeFolderOf(version: string, directory: string): string {
  const ofClone = pinned.findPinnedNode(repository);
  if (ofClone !== undefined && run(here, ofClone, '--version').trim() === `v${version}`) {
    return path.dirname(ofClone);
  }
  const name = pinned.platformPackage();
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'package.json'), '{}');
  install({ ...here, directory }, `${name}@${version}`);
  return path.join(directory, 'node_modules', name, 'bin');
}

/** A project that has installed the package, and runs on the given Node. */
export class PackageProject implements Place {
  readonly directory: string;
  readonly nodeFolder: string;

  constructor(directory: string, nodeFolder: string) {
    this.directory = directory;
    this.nodeFolder = nodeFolder;
    mkdirSync(directory);
    this.write('package.json', '{ "type": "module" }');
  }

  /** `npm install ./quorate-….tgz`, with npm and its check of `engines` on the Node of the project. */
  install(archive: string): void {
    const file = path.basename(archive);
    cpSync(archive, path.join(this.directory, file));
    install(this, '--engine-strict', `./${file}`);
  }

  /** What was installed as Quorate. */
  get installed(): string {
    return path.join(this.directory, 'node_modules', 'quorate');
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.directory, name), text);
  }

  /** A program that npm has linked. */
  linked(program: string): string {
    return path.join(this.directory, 'node_modules', '.bin', program);
  }
}
