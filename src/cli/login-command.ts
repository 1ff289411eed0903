import type { Command } from 'commander';
import { NodeClient } from '../client/interface.ts';
import { defineOptions } from '../config/interface.ts';
import { clientOptions, securityOf } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { readPassword } from './password-prompt.ts';

const passwordOptions = defineOptions('Login', {
  password: {
    type: 'string',
    secret: true,
    help: 'Password; asked for, or read from standard input, when absent. A flag can be seen by other users of this machine.',
  },
});

const options = { ...passwordOptions, ...clientOptions } as const;

export function addLoginCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('login <user>')
    .description('Log in to a server and keep the token for the commands that follow.');
  describe(command, options, [
    'login admin',
    'login admin --password-file ./password.txt',
    'login admin --host 10.0.0.5 --port 3322 --tls-ca ./tls/ca.crt',
  ]).action(async (user: string) => {
    const { host, port, password, json, ...values } = context.parse(command, options).values;
    const security = securityOf(values);
    using client = new NodeClient({ host, port, clock: context.runtime.clock, security });
    const given = password ?? (await readPassword(`Password of ${user} at ${host}:${port}: `));
    const { token, expiresAtMs } = await client.login(user, given);
    context.tokens.keep(host, port, { user, token, expiresAtMs, security });
    const until = new Date(expiresAtMs).toISOString();
    context.print(json, { user, host, port, token, expiresAtMs }, () => `logged in as ${user} until ${until}\n`);
  });
}
