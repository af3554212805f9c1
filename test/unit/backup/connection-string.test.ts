import { describe, expect, it } from 'vitest';
import {
  directTo,
  impliedAuthSource,
  readConnectionString,
  toolConnection,
} from '../../../src/backup/engine/connection-string.js';

describe('a connection string', () => {
  it.each([
    ['mongodb://localhost', 'localhost', undefined, undefined, undefined],
    ['mongodb://localhost:27017/shop', 'localhost:27017', 'shop', undefined, undefined],
    ['mongodb://a:1,b:2,[::1]:3/shop?replicaSet=rs', 'a:1,b:2,[::1]:3', 'shop', undefined, undefined],
    ['mongodb://u:p%40%2F%3A@h/', 'h', undefined, 'u', 'p@/:'],
    ['mongodb+srv://u:p@cluster.example.net/shop', 'cluster.example.net', 'shop', 'u', 'p'],
    ['mongodb://u@h/?authMechanism=MONGODB-X509', 'h', undefined, 'u', undefined],
    [
      'mongodb://%2Ftmp%2Fmongodb-27017.sock/shop',
      '%2Ftmp%2Fmongodb-27017.sock',
      'shop',
      undefined,
      undefined,
    ],
    ['mongodb://h?directConnection=true', 'h', undefined, undefined, undefined],
    ['mongodb://h/flower%20shop', 'h', 'flower shop', undefined, undefined],
  ])('is read: %s', (uri, hosts, database, username, password) => {
    const read = readConnectionString(uri);
    expect(read).toEqual({
      protocol: uri.slice(0, uri.indexOf(':')),
      query: new URLSearchParams(uri.split('?')[1]),
      hosts,
      ...(database && { database }),
      ...(username && { username }),
      ...(password && { password }),
    });
  });

  it.each([
    'hunter2',
    'mongodb://',
    'mongodb:///hunter2',
    'http://u:hunter2@h/',
    'mongodb://u:hunter2@/shop',
    'mongodb://u:hunt/er2@h/shop',
    'mongodb://u:12/hunter2@h/shop',
    'mongodb://u:12?hunter2@h/shop',
    'mongodb://u:hunt@er2@h/shop',
    'mongodb://u:hunt:er2@h/shop',
    'mongodb://u:hunt#er2@h/shop',
    'mongodb://u:hunter2%zz@h/shop',
    'mongodb://u:hunter2@h:port/shop',
  ])('is refused without being shown: %s', (uri) => {
    expect(() => readConnectionString(uri)).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
    try {
      readConnectionString(uri);
    } catch (error) {
      expect(String(error)).not.toMatch(/hunt|er2/);
    }
  });
});

describe('what a tool is given', () => {
  const given = (uri: string) => {
    const connection = readConnectionString(uri);
    return toolConnection(connection, impliedAuthSource(connection));
  };

  it('has the secrets apart, and where to look for the user written out', () => {
    expect(given('mongodb://us%65r:p%40ss@h:1/shop?w=1')).toEqual({
      uri: 'mongodb://us%65r@h:1/?w=1&authSource=shop',
      secrets: { password: 'p@ss' },
    });
    expect(given('mongodb://u:p@h').uri).toBe('mongodb://u@h/?authSource=admin');
    expect(given('mongodb://u:p@h/shop?authSource=users').uri).toBe('mongodb://u@h/?authSource=users');
    expect(given('mongodb://h/shop')).toEqual({ uri: 'mongodb://h/', secrets: {} });
  });

  it('has the password of a key file apart too', () => {
    expect(given('mongodb://h/?tls=true&tlsCertificateKeyFilePassword=secret')).toEqual({
      uri: 'mongodb://h/?tls=true',
      secrets: { sslPEMKeyPassword: 'secret' },
    });
  });

  it('has them apart however the options are spelt: drivers read them in any case', () => {
    expect(given('mongodb://h/?tls=true&TLScertificatekeyfilepassword=secret')).toEqual({
      uri: 'mongodb://h/?tls=true',
      secrets: { sslPEMKeyPassword: 'secret' },
    });
    expect(given('mongodb://u:p@h/shop?authsource=users').uri).toBe('mongodb://u@h/?authsource=users');
    expect(given('mongodb://cn@h/shop?authmechanism=MONGODB-X509').uri).toContain('authSource=%24external');
  });

  it('names the source of users that the server does not keep', () => {
    expect(given('mongodb://cn@h/shop?authMechanism=MONGODB-X509').uri).toContain('authSource=%24external');
  });

  it.each([
    '?proxyPassword=hunter2',
    '?authMechanismProperties=AWS_SESSION_TOKEN:hunter2',
    '?proxypassword=hunter2',
    '?authmechanismproperties=aws_session_token:hunter2',
    '?authMechanismProperties=A:b&authMechanismProperties=AWS_SESSION_TOKEN:hunter2',
  ])('is refused where the tools take a secret in argv only: %s', (query) => {
    expect(() => given(`mongodb://h/${query}`)).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
    expect(() => given(`mongodb://h/${query}`)).not.toThrow(/hunter2/);
  });
});

describe('a connection to one host alone', () => {
  it.each([
    ['mongodb://a:1,b:2/shop?replicaSet=rs', 'b:2', 'mongodb://b:2/shop?replicaSet=rs&directConnection=true'],
    [
      'mongodb://u%40:p%2F@a/?authSource=x',
      'a:27017',
      'mongodb://u%40:p%2F@a:27017/?authSource=x&directConnection=true',
    ],
    [
      'mongodb+srv://u:p@cluster.example/shop?srvMaxHosts=2',
      'c:3',
      'mongodb://u:p@c:3/shop?tls=true&authSource=admin&directConnection=true',
    ],
  ])('of %s keeps all that is said of it', (uri, host, expected) => {
    expect(directTo(readConnectionString(uri), host, 'admin')).toBe(expected);
  });
});
