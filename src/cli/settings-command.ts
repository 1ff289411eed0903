import type { Command } from 'commander';
import { defineOptions } from '../config/interface.ts';
import type { Setting } from '../proto/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { renderTable } from './text-table.ts';

const options = {
  ...defineOptions('Settings', {
    given: { type: 'boolean', default: false, help: 'Only what was given, without the defaults.' },
  }),
  ...clientOptions,
} as const;

export function addSettingsCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('settings')
    .description(
      'Show the options a server runs with, and whether each is from a flag, variable, file or the default.',
    );
  describe(command, options, ['settings', 'settings --given', 'settings --json']).action(async () => {
    const { given, json, ...connection } = context.parse(command, options).values;
    using client = context.connect(connection);
    const settings = (await client.settings()).filter(({ source }) => !given || source !== 'default');
    context.print(json, settings.map(settingJson), () => settingsText(settings));
  });
}

function settingJson({ name, value, source }: Setting): object {
  return { name, value: value ?? null, source };
}

function settingsText(settings: readonly Setting[]): string {
  const rows = settings.map(({ name, value = '', source }) => [name, value, source].map((text) => ({ text })));
  return renderTable(['setting', 'value', 'from'], rows);
}
