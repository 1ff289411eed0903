import { Argument, type Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { completionScript, type ShellName, shells } from './completion-scripts.ts';

/** The last command to be added: it knows all that are there. */
export function addCompletionCommand(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .description('Print a script that completes commands and flags in a shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(quorate completion bash)
  $ quorate completion zsh > ~/.zsh/completions/_quorate
  $ quorate completion fish > ~/.config/fish/completions/quorate.fish
`,
    )
    .action((shell: ShellName) => context.streams.out(completionScript(program, shell)));
}
