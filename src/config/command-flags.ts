import { type Command, Option } from 'commander';
import { QuorateError } from '../errors/interface.ts';
import { isSecret, type NamedOption, namedOptions, type OptionDeclarations, optionGroup } from './option.ts';
import { formatOptionValue } from './option-value.ts';

export interface FlagOptions {
  /** Whether the help names the environment variables; false where they are not read. Default true. */
  readonly showEnv?: boolean;
}

/** Commander would check choices itself, and name them twice in the help. */
const choices = new WeakMap<Option, readonly string[]>();

/** The values of which a flag takes one; none when it takes others. */
export function choicesOf(flag: Option): readonly string[] {
  return choices.get(flag) ?? [];
}

/**
 * Adds the flags of the declared options to a command, with the hidden ones: older names and `--no-x`. Commander gets no
 * defaults and checks no values: that is the work of `parseOptions`, which knows the other sources too.
 */
export function addFlags(
  command: Command,
  declarations: OptionDeclarations,
  { showEnv = true }: FlagOptions = {},
): Command {
  const options = namedOptions(declarations);
  for (const option of options) {
    const help = describeOption(option, showEnv);
    const flag = new Option(flagText(option, option.flag), help).helpGroup(`${optionGroup(option)}:`);
    command.addOption(isList(option) ? flag.argParser(joined) : flag);
    if (option.declaration.type === 'choice') {
      choices.set(flag, option.declaration.choices);
    }
    for (const alias of option.declaration.aliases ?? []) {
      command.addOption(new Option(flagText(option, alias), help).hideHelp());
    }
  }
  for (const name of booleanFlags(options)) {
    command.addOption(new Option(`--no-${name}`).hideHelp());
  }
  return acceptBooleanValues(command, new Set(booleanFlags(options)));
}

/** The raw values that the command line gave, by the name of the flag as it was written. Call it after parsing. */
export function readFlags(command: Command, declarations: OptionDeclarations): ReadonlyMap<string, unknown> {
  const raw = new Map<string, unknown>();
  for (const option of namedOptions(declarations)) {
    for (const name of [option.flag, ...(option.declaration.aliases ?? [])]) {
      const attribute = new Option(`--${name}`).attributeName();
      if (command.getOptionValueSource(attribute) === 'cli') {
        raw.set(name, command.getOptionValue(attribute));
      }
    }
  }
  return raw;
}

function booleanFlags(options: readonly NamedOption[]): string[] {
  return options
    .filter(({ declaration }) => declaration.type === 'boolean')
    .flatMap(({ flag, declaration }) => [flag, ...(declaration.aliases ?? [])]);
}

function isList({ declaration }: NamedOption): boolean {
  return declaration.placeholder === 'LIST';
}

/** A list may also come in several flags. */
function joined(value: string, earlier: string | undefined): string {
  return earlier === undefined ? value : `${earlier},${value}`;
}

function flagText(option: NamedOption, name: string): string {
  return option.declaration.type === 'boolean' ? `--${name}` : `--${name} <${placeholderOf(option)}>`;
}

/** What stands for a value: `--port <integer>`. */
export function placeholderOf({ declaration }: NamedOption): string {
  if (declaration.placeholder !== undefined) {
    return declaration.placeholder;
  }
  return declaration.type === 'choice' ? declaration.choices.join('|') : declaration.type;
}

function describeOption(option: NamedOption, showEnv: boolean): string {
  const { default: fallback } = option.declaration as { default?: string | number | boolean };
  const hasDefault = fallback !== undefined && !isSecret(option.declaration);
  const notes = [
    ...(hasDefault ? [`default: ${formatOptionValue(option, fallback)}`] : []),
    ...(showEnv ? [`env: ${option.env}`] : []),
  ];
  return notes.length === 0 ? option.declaration.help : `${option.declaration.help} (${notes.join(', ')})`;
}

/**
 * Commander knows either `--x` or `--x VALUE`. People write `--x`, `--x=true` and `--x=false`, and `--x NAME` where NAME is
 * the next argument; so the forms with `=` are rewritten before commander sees them.
 */
function acceptBooleanValues(command: Command, names: ReadonlySet<string>): Command {
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (args) => parse(args.map((argument) => rewriteBoolean(argument, names)));
  return command;
}

function rewriteBoolean(argument: string, names: ReadonlySet<string>): string {
  const [, name = '', value] = /^--([a-z0-9-]+)=(.*)$/s.exec(argument) ?? [];
  if (!names.has(name)) {
    return argument;
  }
  if (value !== 'true' && value !== 'false') {
    throw new QuorateError('INVALID_ARGUMENT', `--${name}: ${JSON.stringify(value)} is not valid`, {
      hint: 'Give true or false.',
      details: { option: name },
    });
  }
  return value === 'true' ? `--${name}` : `--no-${name}`;
}
