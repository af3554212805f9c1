import { outages } from '../../../conformance/queries/outages.js';
import { conform } from './conform.js';

conform(outages);
