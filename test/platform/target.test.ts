import { createProcessTarget } from '../../src/platform/process/process-target.ts';
import { targetContract } from '../contracts/target.ts';

targetContract(createProcessTarget);
