import { reads } from '../../../conformance/queries/reads.js';
import { conform } from './conform.js';

conform(reads);
