import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeMachine, describeVersions, machineLine } from './machine.ts';

const resultsDirectory = fileURLToPath(new URL('../results', import.meta.url));

/** What one benchmark found: lines for people while it runs, JSON and one `figure` line each at the end. */
export class Report {
  readonly #name: string;
  readonly #startedAt = new Date();
  readonly #directory: string;
  readonly #figures: [string, number][] = [];
  readonly #missing: string[] = [];
  readonly #details: Record<string, unknown> = {};
  #postgres: string | null = null;

  /** `directory` is where the measured files are. */
  constructor(name: string, directory: string) {
    this.#name = name;
    this.#directory = directory;
    this.print(`${name}: ${machineLine(describeMachine(directory))}`);
  }

  readonly print = (line: string): void => {
    console.log(line);
  };

  /** A result that others refer to by name. */
  figure(name: string, value: number): void {
    this.#figures.push([name, Number(value.toPrecision(4))]);
  }

  /** A peer that could not be measured: it is named, and its figures are left out. */
  missing(what: string): void {
    this.#missing.push(what);
  }

  usesPostgres(version: string): void {
    this.#postgres = version;
  }

  /** Anything that explains the figures, for the JSON file. */
  detail(name: string, value: unknown): void {
    this.#details[name] = value;
  }

  /** Writes the JSON file and prints the figures, last. */
  finish(): void {
    mkdirSync(resultsDirectory, { recursive: true });
    const file = path.join(resultsDirectory, `${this.#name}-${this.#startedAt.toISOString().replaceAll(':', '')}.json`);
    writeFileSync(file, `${JSON.stringify(this.#content(), null, 2)}\n`);
    this.print(`written to ${path.relative(process.cwd(), file)}`);
    for (const what of this.#missing) {
      this.print(`missing: ${what}`);
    }
    for (const [name, value] of this.#figures) {
      this.print(`figure ${name} ${value}`);
    }
  }

  #content(): unknown {
    return {
      benchmark: this.#name,
      startedAt: this.#startedAt.toISOString(),
      machine: describeMachine(this.#directory),
      versions: describeVersions(this.#postgres),
      figures: Object.fromEntries(this.#figures),
      missing: this.#missing,
      details: this.#details,
    };
  }
}
