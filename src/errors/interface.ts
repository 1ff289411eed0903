/** The public face of the `errors` layer: the closed list of codes and the one error class. */
export { type ErrorCode, errorCodes, exitCodeOf, grpcStatusOf, httpStatusOf } from './error-codes.ts';
export {
  asQuorateError,
  assertInvariant,
  type ErrorDetails,
  isQuorateError,
  QuorateError,
  type SerializedError,
} from './quorate-error.ts';
