import { keys } from '../../../conformance/queries/keys.js';
import { conform } from './conform.js';

conform(keys);
