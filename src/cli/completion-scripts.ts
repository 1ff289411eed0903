import type { Command, Option } from 'commander';
import { choicesOf } from '../config/interface.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;

export type ShellName = (typeof shells)[number];

/** What may follow the words of a command: `quorate database`, and `create`, `list` … with `--host` … */
interface CommandWords {
  readonly path: string;
  readonly words: readonly Word[];
}

interface Word {
  readonly text: string;
  readonly help: string;
  /** Of a flag: the values that may follow it. */
  readonly values?: readonly string[];
}

/** A script that completes the commands and flags of a program, for a shell to load. */
export function completionScript(program: Command, shell: ShellName): string {
  const commands = commandWords(program, program.name());
  switch (shell) {
    case 'bash':
      return bashScript(program.name(), commands);
    case 'zsh':
      return zshScript(program.name(), commands);
    case 'fish':
      return fishScript(program.name(), commands);
  }
}

function commandWords(command: Command, path: string): CommandWords[] {
  const visible = command.createHelp().visibleCommands(command);
  const flags = command.createHelp().visibleOptions(command).flatMap(flagWords);
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const names = visible.map((child) => ({ text: child.name(), help: child.description() }));
  const children = visible.filter((child) => child.name() !== 'help');
  return [
    { path, words: [...names, ...choices.map((text) => ({ text, help: '' })), ...flags] },
    ...children.flatMap((child) => commandWords(child, `${path} ${child.name()}`)),
  ];
}

function flagWords(flag: Option): Word[] {
  const { long, description } = flag;
  return typeof long === 'string' ? [{ text: long, help: description, values: choicesOf(flag) }] : [];
}

/** In single quotes, in which a shell takes nothing for special. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The words between the program and the one at the cursor. */
const bashWords = `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`;
const zshWords = `"\${(@)words[2,CURRENT-1]}"`;

/** The loop that finds the command among the words before the cursor; the same in bash and zsh. */
function walk(commands: readonly CommandWords[], words: string): string {
  const paths = commands.slice(1).map(({ path }) => quoted(path));
  return `  local command=${quoted(commands[0]?.path ?? '')} word
  for word in ${words}; do
    case "$command $word" in
      ${paths.join(' | ')}) command="$command $word" ;;
    esac
  done
`;
}

/** One case for the values of each flag that has some, and one for the words of the command. */
function cases({ path, words }: CommandWords, assignment: (words: readonly Word[]) => string): string {
  const ofValues = words
    .filter(({ values = [] }) => values.length > 0)
    .map(({ text: flag, values = [] }) => {
      const found = values.map((text) => ({ text, help: '' }));
      return `    ${quoted(`${path}:${flag}`)}) ${assignment(found)} ;;\n`;
    });
  return `${ofValues.join('')}    ${quoted(`${path}:`)}*) ${assignment(words)} ;;\n`;
}

function bashScript(name: string, commands: readonly CommandWords[]): string {
  const assignment = (words: readonly Word[]) => `words=${quoted(words.map(({ text }) => text).join(' '))}`;
  return `_${name}() {
${walk(commands, bashWords)}  local words
  case "$command:\${COMP_WORDS[COMP_CWORD-1]}" in
${commands.map((command) => cases(command, assignment)).join('')}  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`;
}

function zshScript(name: string, commands: readonly CommandWords[]): string {
  const assignment = (words: readonly Word[]) =>
    `found=(${words.map(({ text, help }) => quoted(`${text}:${help}`)).join(' ')})`;
  return `#compdef ${name}
_${name}() {
${walk(commands, zshWords)}  local -a found
  case "$command:\${words[CURRENT-1]}" in
${commands.map((command) => cases(command, assignment)).join('')}  esac
  _describe command found || _files
}
compdef _${name} ${name}
`;
}

function fishScript(name: string, commands: readonly CommandWords[]): string {
  const paths = commands.slice(1).map(({ path }) => quoted(path));
  const lines = commands.flatMap(({ path, words }) =>
    words.map(({ text, help, values = [] }) => {
      const value = values.length === 0 ? '' : ` -x -a ${quoted(values.join(' '))}`;
      const what = text.startsWith('--') ? `-l ${text.slice(2)}${value}` : `-f -a ${quoted(text)}`;
      return `complete -c ${name} -n ${quoted(`test (__${name}_command) = "${path}"`)} ${what} -d ${quoted(help)}\n`;
    }),
  );
  return `function __${name}_command
  set -l command ${name}
  for word in (commandline -opc)[2..-1]
    contains -- "$command $word" ${paths.join(' ')}; and set command "$command $word"
  end
  echo $command
end
${lines.join('')}`;
}
