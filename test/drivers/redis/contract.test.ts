import { driverContract } from '../../contracts/driver.ts';
import { makeRedisSubject, withFacts } from './subject.ts';

driverContract('redis, appendonly yes', makeRedisSubject, {
  newer(repository, record) {
    const facts = { serverVersion: '99.0.0', rdbVersion: 99 };
    return { repository: withFacts(repository, facts), record: { ...record, facts: { ...record.facts, ...facts } } };
  },
});
