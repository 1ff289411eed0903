import {
  AdminService,
  GroupsService,
  MembershipService,
  QueryService,
  ReplicationService,
  UsersService,
  VerificationService,
} from '../src/proto/interface.ts';

const services = [
  AdminService,
  GroupsService,
  MembershipService,
  QueryService,
  ReplicationService,
  UsersService,
  VerificationService,
];

/** All gRPC methods of a server. */
export const grpcMethods = services.flatMap((service) => Object.values(service));

export type GrpcMethod = (typeof grpcMethods)[number];

/** A message with nothing but defaults. */
export function emptyRequest(method: GrpcMethod): object {
  return method.requestDeserialize(Buffer.alloc(0)) as object;
}
