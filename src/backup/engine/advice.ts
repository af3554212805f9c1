/** What to do about failures that the tools and the driver report alike. */
export const ADVICE = {
  SERVER_UNREACHABLE: 'check that the server runs and that MONGO_URI or the option uri names it',
  AUTHENTICATION_FAILED: 'check user, password and authSource in MONGO_URI or the option uri',
  NOT_AUTHORIZED:
    'give the user the right, for example by the role readWrite on the database, or backup and restore for the instance',
  TARGET_NOT_EMPTY: 'drop what came into being there during the restore, or restore to another database',
  RESTORE_MISMATCH:
    "nothing was replaced; what the backup holds breaks its own indexes, or this server doesn't make them: restore another one, or choose collections without it",
} as const;
