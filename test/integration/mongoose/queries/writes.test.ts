import { writes } from '../../../conformance/queries/writes.js';
import { conform } from './conform.js';

conform(writes);
