import { types } from '../../../conformance/queries/types.js';
import { conform } from './conform.js';

conform(types);
