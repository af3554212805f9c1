import { randomBytes } from 'node:crypto';
import { EnvironmentError, validateEnvironment } from '../index.js';

/** What the shop reads from the environment: the package's own variables and a few of its own. */
export interface Configuration {
  MONGO_URI: string;
  REDIS_URL: string;
  REDIS_TTL: number;
  CACHE_NAMESPACE: string;
  BACKUP_DIR: string;
  BACKUP_RETENTION_DAYS: number;
  BACKUP_CRON: string;
  MONGO_TOOLS_DIR: string;
  HOST: string;
  PORT: number;
  ADMIN_TOKEN: string;
  FLORA_SEED_PRODUCTS: number;
  FLORA_SEED_CUSTOMERS: number;
  FLORA_SEED_ORDERS: number;
}

/**
 * For `ConfigModule.forRoot({ validate })`: the package checks its variables, the shop its own.
 *
 * @throws EnvironmentError with one message that lists all that is wrong
 */
export function validateConfiguration(environment: Record<string, unknown>): Configuration {
  const problems: string[] = [];
  const whole = (name: keyof Configuration, fallback: number, least: number, most: number): number => {
    const given = environment[name];
    const value = given === undefined || given === '' ? fallback : Number(given);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    problems.push(`${name} is not a whole number from ${least} to ${most}`);
    return fallback;
  };
  const own = {
    HOST: environment['HOST'] || 'localhost',
    PORT: whole('PORT', 3_000, 0, 65_535),
    ADMIN_TOKEN: environment['ADMIN_TOKEN'] || randomBytes(12).toString('base64url'),
    FLORA_SEED_PRODUCTS: whole('FLORA_SEED_PRODUCTS', 3_000, 12, 100_000),
    FLORA_SEED_CUSTOMERS: whole('FLORA_SEED_CUSTOMERS', 2_000, 2, 100_000),
    FLORA_SEED_ORDERS: whole('FLORA_SEED_ORDERS', 30_000, 0, 1_000_000),
  };
  const packages = checkPackage(environment, problems);
  if (problems.length > 0) throw new EnvironmentError(problems);
  return { ...packages, ...own } as Configuration;
}

function checkPackage(environment: Record<string, unknown>, problems: string[]): Record<string, unknown> {
  try {
    return validateEnvironment(environment);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    problems.push(...error.problems);
    return {};
  }
}
