import { assertInvariant } from '../errors/interface.ts';

interface CommonDeclaration {
  /** One sentence for `--help` and docs/options.md. */
  readonly help: string;
  /** Name of the flag without its dashes; by default the key in kebab-case without the unit `Ms`. */
  readonly flag?: string;
  /** Older names of the flag: accepted, not shown. */
  readonly aliases?: readonly string[];
  /** Environment variables of other programs that give it, too; the own one wins. */
  readonly variables?: readonly string[];
  /** What stands for the value in `--help`. */
  readonly placeholder?: string;
  /** Overrides the heading of its group. */
  readonly group?: string;
}

interface TextDeclaration extends CommonDeclaration {
  /** `address` is a host name or an IP address without a port; `path` is a file or folder. */
  readonly type: 'string' | 'address' | 'path';
  readonly default?: string;
  /** Never printed; `--x-file` and `QUORATE_X_FILE` are declared with it. Only for `string`. */
  readonly secret?: true;
}

interface NumberDeclaration extends CommonDeclaration {
  /** `bytes` and `duration` are written with a unit (`16MiB`, `30s`); their values are bytes and milliseconds. */
  readonly type: 'integer' | 'bytes' | 'duration';
  readonly default?: number;
  /** Smallest and largest value, both allowed. Default 0 and 2^53 - 1, for a duration 24 days. */
  readonly min?: number;
  readonly max?: number;
}

interface FractionDeclaration extends CommonDeclaration {
  /** A number from 0 to 1. */
  readonly type: 'fraction';
  readonly default?: number;
}

interface BooleanDeclaration extends CommonDeclaration {
  readonly type: 'boolean';
  readonly default?: boolean;
}

interface ChoiceDeclaration extends CommonDeclaration {
  readonly type: 'choice';
  readonly choices: readonly string[];
  readonly default?: string;
}

/** One option, declared once: everything that reads, checks, explains or documents it derives from this. */
export type OptionDeclaration =
  | TextDeclaration
  | NumberDeclaration
  | FractionDeclaration
  | BooleanDeclaration
  | ChoiceDeclaration;

/** Options by the name that the code uses: camelCase, with the unit at the end (`queryTimeoutMs`, `maxResultBytes`). */
export type OptionDeclarations = Readonly<Record<string, OptionDeclaration>>;

type BaseValue<D extends OptionDeclaration> = D extends { type: 'boolean' }
  ? boolean
  : D extends { type: 'choice'; choices: readonly (infer Choice)[] }
    ? Choice
    : D extends NumberDeclaration | FractionDeclaration
      ? number
      : string;

/** The values of declared options; one without a default may be undefined. */
export type OptionValues<D extends OptionDeclarations> = {
  readonly [K in keyof D]: D[K] extends { default: string | number | boolean }
    ? BaseValue<D[K]>
    : BaseValue<D[K]> | undefined;
};

/** An option with its derived names. */
export interface NamedOption {
  readonly key: string;
  readonly declaration: OptionDeclaration;
  /** Without dashes; also its name in a config file. */
  readonly flag: string;
  readonly env: string;
  /** For the companion `--x-file` of a secret: the key of the secret. */
  readonly secretKey?: string;
}

/** Declares options under a heading. Checks what a declaration itself can get wrong. */
export function defineOptions<const D extends OptionDeclarations>(group: string, declarations: D): D {
  for (const [key, declaration] of Object.entries(declarations)) {
    const { type } = declaration;
    assertInvariant(type !== 'duration' || key.endsWith('Ms'), `the duration ${key} must end in "Ms"`);
    assertInvariant(type !== 'bytes' || key.endsWith('Bytes'), `the size ${key} must end in "Bytes"`);
    groupOf.set(declaration, declaration.group ?? group);
  }
  return declarations;
}

const groupOf = new WeakMap<OptionDeclaration, string>();

/** The heading under which an option is shown. */
export function optionGroup(option: NamedOption): string {
  return groupOf.get(option.declaration) ?? 'Options';
}

/** All options of the declarations in order, each secret followed by its `-file` companion. */
export function namedOptions(declarations: OptionDeclarations): NamedOption[] {
  return Object.entries(declarations).flatMap(([key, declaration]) => {
    const flag = declaration.flag ?? flagOf(key, declaration);
    const option: NamedOption = { key, declaration, flag, env: envOf(flag) };
    return isSecret(declaration) ? [option, fileCompanion(option)] : [option];
  });
}

export function isSecret(declaration: OptionDeclaration): boolean {
  return 'secret' in declaration && declaration.secret === true;
}

function fileCompanion(option: NamedOption): NamedOption {
  const flag = `${option.flag}-file`;
  const declaration: OptionDeclaration = {
    type: 'path',
    help: `File whose first line is the value of --${option.flag}.`,
    placeholder: 'FILE',
    aliases: (option.declaration.aliases ?? []).map((alias) => `${alias}-file`),
  };
  groupOf.set(declaration, optionGroup(option));
  return { key: `${option.key}File`, declaration, flag, env: envOf(flag), secretKey: option.key };
}

function flagOf(key: string, declaration: OptionDeclaration): string {
  const name = declaration.type === 'duration' ? key.replace(/Ms$/, '') : key;
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function envOf(flag: string): string {
  return `QUORATE_${flag.toUpperCase().replaceAll('-', '_')}`;
}
