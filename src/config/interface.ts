/**
 * The public face of the `config` layer: every option and every limit of Quorate, declared once.
 *
 * A declaration gives the flag, the variable, the name in a config file, the check, the help text and the line in
 * docs/options.md.
 */
export { clusterOptions } from './cluster-options.ts';
export { addFlags, choicesOf, placeholderOf, readFlags } from './command-flags.ts';
export { coordinatorOptions } from './coordinator-options.ts';
export { followingOptions } from './following-options.ts';
export { limitValues } from './given-limits.ts';
export { hranaOptions } from './hrana-options.ts';
export { databaseLimitOptions, nodeLimitOptions, replicationLimitOptions } from './limit-options.ts';
export {
  defineOptions,
  type NamedOption,
  namedOptions,
  type OptionDeclaration,
  type OptionDeclarations,
  type OptionValues,
} from './option.ts';
export { formatOptionValue, type OptionValue, rangeOf } from './option-value.ts';
export { type OptionReport, type OptionSources, type ParsedOptions, parseOptions } from './parse-options.ts';
export { defaultPort, delayOptions, replicationOptions, wholeServerOptions } from './replication-options.ts';
export { securityOptions } from './security-options.ts';
export { nodeOptions, serverOptions } from './server-options.ts';
export { syncOptions } from './sync-options.ts';
export { tlsOptions } from './tls-options.ts';
export { tracingOptions } from './tracing-options.ts';
export { formatBytes, formatDuration, parseBytes, parseDurationMs } from './units.ts';
