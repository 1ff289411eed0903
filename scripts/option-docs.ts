import {
  coordinatorOptions,
  databaseLimitOptions,
  delayOptions,
  followingOptions,
  formatOptionValue,
  hranaOptions,
  type NamedOption,
  namedOptions,
  nodeLimitOptions,
  nodeOptions,
  type OptionDeclarations,
  placeholderOf,
  rangeOf,
  replicationLimitOptions,
  replicationOptions,
  securityOptions,
  tlsOptions,
  tracingOptions,
  wholeServerOptions,
} from '../src/config/interface.ts';

const introduction = `# Options

Each option can be given in four ways; an earlier one wins: the flag, the environment variable, the config file
(\`--config FILE\`, a JSON object whose names are the flags without the dashes), the default.

\`\`\`json
{ "port": 3322, "query-timeout": "30s", "admin-password-file": "/run/secrets/quorate" }
\`\`\`

- A *duration* has a unit: \`500ms\`, \`30s\`, \`10m\`, \`24h\`, \`7d\`. *Bytes* may have one: \`512KiB\`, \`16MiB\`, \`1GiB\`, or \`MB\` for millions.
- A *boolean* flag is written \`--x\`, \`--x=true\`, \`--x=false\` or \`--no-x\`.
- A *secret* is never printed. Every \`--x\` of that kind has a \`--x-file\`, whose first line is the value; use that or the variable,
  because other users of a machine can see the flags of its processes.
- Where an option is a limit, what would pass it is refused with an error that names it.
`;

const groups: readonly { readonly title: string; readonly text: string; readonly options: OptionDeclarations }[] = [
  { title: 'Node', text: 'Options of `quorate server`.', options: nodeOptions },
  {
    title: 'Replication',
    text: 'Options of `quorate server`, which then follows the whole of another, and of `quorate database create` and `update`.',
    options: replicationOptions,
  },
  {
    title: 'Replication of a whole server',
    text: 'Options of `quorate server` ([topologies](topologies.md)).',
    options: wholeServerOptions,
  },
  {
    title: 'Replication of one database',
    text: 'Options of `quorate database create` and `update`.',
    options: delayOptions,
  },
  {
    title: 'Users, tokens and the audit log',
    text: 'Options of `quorate server` ([security](security.md)).',
    options: securityOptions,
  },
  {
    title: 'TLS',
    text: 'Options of `quorate server` ([security](security.md)).',
    options: tlsOptions,
  },
  {
    title: 'Coordinator',
    text: 'Options of `quorate server` ([coordinators](coordinators.md)).',
    options: coordinatorOptions,
  },
  {
    title: 'Tracing',
    text: 'Options of `quorate server` ([operations](operations.md)). A *fraction* is a number from 0 to 1.',
    options: tracingOptions,
  },
  {
    title: 'Limits of a database',
    text: 'Options of `quorate server`, for each of its databases.',
    options: databaseLimitOptions,
  },
  {
    title: 'Limits of a node',
    text: 'Options of `quorate server`, for the node as a whole.',
    options: nodeLimitOptions,
  },
  {
    title: 'Limits of Hrana',
    text: 'Options of `quorate server`, for what clients send and receive over HTTP and WebSocket.',
    options: hranaOptions,
  },
  {
    title: 'Limits of replication',
    text: 'Options of `quorate server`, for each upstream and each replica.',
    options: replicationLimitOptions,
  },
];

function limitsOf(option: NamedOption): string {
  const { min, max } = rangeOf(option.declaration);
  const lowest = min > 0 ? [`from ${formatOptionValue(option, min)}`] : [];
  const highest = max < Number.MAX_SAFE_INTEGER ? [`to ${formatOptionValue(option, max)}`] : [];
  return [...lowest, ...highest].join(' ');
}

function typeOf(option: NamedOption): string {
  const { type } = option.declaration;
  if (type === 'choice') {
    return placeholderOf(option).replaceAll('|', ', ');
  }
  return 'secret' in option.declaration ? 'secret' : type;
}

function rowOf(option: NamedOption): string {
  const { default: fallback } = option.declaration as { default?: string | number | boolean };
  const shownDefault = fallback === undefined ? '' : `\`${formatOptionValue(option, fallback)}\``;
  const aliases = (option.declaration.aliases ?? []).map((alias) => `\`--${alias}\``);
  const older = aliases.length === 0 ? '' : ` Older name: ${aliases.join(', ')}.`;
  const kind = [typeOf(option), limitsOf(option)].filter((text) => text !== '').join(', ');
  const variables = [option.env, ...(option.declaration.variables ?? [])].map((name) => `\`${name}\``).join(', ');
  return `| \`--${option.flag}\` | ${variables} | ${kind} | ${shownDefault} | ${option.declaration.help}${older} |`;
}

/** What a program gives to `connect`. */
function clientSection(): string {
  const rows = namedOptions(followingOptions).map((option) => {
    const kind = [option.declaration.type, limitsOf(option)].filter((text) => text !== '').join(', ');
    const fallback = formatOptionValue(option, option.declaration.default as number);
    return `| \`${option.key}\` | ${kind} | \`${fallback}\` | ${option.declaration.help} |`;
  });
  return [
    '## Limits of the following client',
    '',
    'The field `limits` of `connect` ([following-client](following-client.md)), as numbers: durations in milliseconds.',
    '',
    '| name | type | default | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** The text of docs/options.md. */
export function renderOptionDocs(): string {
  const sections = groups.map(({ title, text, options }) =>
    [
      `## ${title}`,
      '',
      text,
      '',
      '| flag | variable | type | default | meaning |',
      '|---|---|---|---|---|',
      ...namedOptions(options).map(rowOf),
      '',
    ].join('\n'),
  );
  return [
    introduction,
    ...sections,
    clientSection(),
    'This page is generated from `src/config` by `npm run docs`.',
    '',
  ].join('\n');
}
