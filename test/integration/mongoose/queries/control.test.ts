import { control } from '../../../conformance/queries/control.js';
import { conform } from './conform.js';

conform(control);
