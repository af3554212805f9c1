import { races } from '../../../conformance/queries/races.js';
import { conform } from './conform.js';

conform(races);
