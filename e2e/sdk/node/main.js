// What a pod runs: the official SDKs for Node.js find credentials where the environment says, and ask STS who they are.
//
// node main.js          asks once; prints who it is, or the SDK's error, as one line of JSON
// node main.js stay     asks again and again with one client; one line a time
// node main.js watch    the same with role sessions of the shortest life (900 s), which the SDK renews at each use
'use strict';

const { default: Credentials, Config: CredentialsConfig } = require('@alicloud/credentials');
const { default: Sts } = require('@alicloud/sts20150401');
const { $OpenApiUtil } = require('@alicloud/openapi-core');

const PAUSE = 300;

function credentials(mode) {
  if (mode !== 'watch') {
    return new Credentials();
  }
  // The same provider as in the default chain, which has no setting for this.
  return new Credentials(new CredentialsConfig({
    type: 'oidc_role_arn',
    roleArn: process.env.ALIBABA_CLOUD_ROLE_ARN,
    oidcProviderArn: process.env.ALIBABA_CLOUD_OIDC_PROVIDER_ARN,
    oidcTokenFilePath: process.env.ALIBABA_CLOUD_OIDC_TOKEN_FILE,
    roleSessionExpiration: 900,
  }));
}

async function asked(client) {
  try {
    const { body } = await client.getCallerIdentity();
    return { arn: body.arn, account: body.accountId, type: body.identityType };
  } catch (error) {
    return { error: error.name, message: error.message };
  }
}

async function main() {
  const mode = process.argv[2] || 'once';
  const endpoint = process.env.ALIBABA_CLOUD_STS_ENDPOINT || 'sts.aliyuncs.com';
  const client = new Sts(new $OpenApiUtil.Config({ credential: credentials(mode), endpoint }));
  for (;;) {
    const answer = await asked(client);
    console.log(JSON.stringify(answer));
    if (mode === 'once') {
      process.exitCode = 'error' in answer ? 1 : 0;
      return;
    }
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

main();
