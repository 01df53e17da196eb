// viem v2 against a running node: what a wallet or a web page does with it.
import assert from "node:assert/strict";
import {
  BaseError, ContractFunctionRevertedError, createPublicClient, createWalletClient, defineChain, getContract, http,
  webSocket,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { check, fails, finish, setting } from "./checks.mjs";

const chain = defineChain({
  id: setting.chainId, name: "Tideprint", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [setting.url], webSocket: [setting.socket] } },
});
const transport = http(setting.url, { batch: true });
const reader = createPublicClient({ chain, transport, pollingInterval: 200, cacheTime: 0 });
const account = privateKeyToAccount(setting.member);
const member = createWalletClient({ account, chain, transport });
const stranger = createWalletClient({ account: privateKeyToAccount(setting.stranger), chain, transport });
const { abi, bytecode } = setting.door;
const mined = (hash) => reader.waitForTransactionReceipt({ hash });
let address;
let door;

await check("the chain id is asked for", async () => {
  assert.equal(await reader.getChainId(), setting.chainId);
});
await check("fees are zero", async () => {
  assert.equal(await reader.getGasPrice(), 0n);
  assert.deepEqual(await reader.estimateFeesPerGas(), { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n });
  const history = await reader.getFeeHistory({ blockCount: 2, rewardPercentiles: [50] });
  assert.ok(history.baseFeePerGas.every((fee) => fee === 0n));
});
await check("a contract is deployed", async () => {
  const receipt = await mined(await member.deployContract({ abi, bytecode }));
  assert.equal(receipt.status, "success");
  address = receipt.contractAddress;
  door = getContract({ address, abi, client: { public: reader, wallet: member } });
});
await check("a call reads, at the head and in the past", async () => {
  assert.equal(await door.read.times(), 0n);
  assert.equal(await door.read.times([], { blockNumber: await reader.getBlockNumber() }), 0n);
});
await check("gas is estimated closely", async () => {
  const gas = await door.estimateGas.knock([], { account });
  const { gasUsed, status } = await mined(await door.write.knock([], { gas }));
  assert.equal(status, "success");
  assert.ok(gas >= gasUsed && gas <= gasUsed * 13n / 10n, `${gas}, ${gasUsed}`);
});
await check("a simulated write is sent as it was simulated", async () => {
  const { request } = await reader.simulateContract({ address, abi, functionName: "knock", account });
  assert.equal((await mined(await member.writeContract(request))).status, "success");
});
await check("sending is free", async () => {
  const before = await reader.getBalance({ address: account.address });
  const receipt = await mined(await door.write.knock());
  assert.equal(receipt.effectiveGasPrice, 0n);
  assert.equal(await reader.getBalance({ address: account.address }), before);
});
for (const type of ["legacy", "eip2930", "eip1559"]) {
  await check(`a transaction of type ${type} is mined`, async () => {
    const hash = await member.sendTransaction({ to: account.address, value: 0n, type });
    assert.equal((await mined(hash)).type, type);
    assert.equal((await reader.getTransaction({ hash })).type, type);
  });
}
await check("code is set on an account", async () => {
  const owner = privateKeyToAccount(generatePrivateKey());
  const grant = await owner.signAuthorization({ chainId: setting.chainId, contractAddress: address, nonce: 0 });
  await mined(await member.sendTransaction({ to: account.address, authorizationList: [grant] }));
  assert.equal(await reader.getCode({ address: owner.address }), `0xef0100${address.slice(2).toLowerCase()}`);
});
await check("several wait at once with rising nonces", async () => {
  const first = await reader.getTransactionCount({ address: account.address, blockTag: "pending" });
  const steps = [0, 1, 2, 3];
  const sent = steps.map((step) => member.sendTransaction({ to: account.address, nonce: first + step, gas: 21_000n }));
  const receipts = await Promise.all((await Promise.all(sent)).map(mined));
  assert.ok(receipts.every((receipt) => receipt.status === "success"));
});
await check("events are found by their fields", async () => {
  const filter = { who: account.address };
  const logs = await door.getEvents.Knocked(filter, { fromBlock: 0n });
  assert.deepEqual(logs.map((log) => log.args.times), logs.map((_, index) => BigInt(index + 1)));
  assert.equal(BigInt(logs.length), await door.read.times());
  const none = await door.getEvents.Knocked({ who: stranger.account.address }, { fromBlock: 0n });
  assert.equal(none.length, 0);
});
await check("a filter on the node tells what is new", async () => {
  const filter = await reader.createContractEventFilter({ address, abi, eventName: "Knocked" });
  await mined(await door.write.knock());
  assert.equal((await reader.getFilterChanges({ filter })).length, 1);
  assert.equal((await reader.getFilterChanges({ filter })).length, 0);
  assert.equal(await reader.uninstallFilter({ filter }), true);
});
await check("watching by polling hears an event", async () => {
  let stop;
  const heard = new Promise((resolve, reject) => {
    const eventName = "Knocked";
    stop = reader.watchContractEvent({ address, abi, eventName, onLogs: resolve, onError: reject });
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await mined(await door.write.knock());
  assert.equal((await heard)[0].args.who, account.address);
  stop();
});
await check("watching on a socket hears blocks, events and what waits", async () => {
  const socket = createPublicClient({ chain, transport: webSocket(setting.socket, { reconnect: false }) });
  const stops = [];
  const hear = (start) => new Promise((resolve, reject) => stops.push(start(resolve, reject)));
  const block = hear((onBlockNumber, onError) => socket.watchBlockNumber({ onBlockNumber, onError }));
  const waiting = hear((onTransactions, onError) => socket.watchPendingTransactions({ onTransactions, onError }));
  const event = hear((onLogs, onError) =>
    socket.watchContractEvent({ address, abi, eventName: "Knocked", onLogs, onError }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const hash = await door.write.knock();
  assert.ok((await waiting).includes(hash));
  assert.equal((await event)[0].transactionHash, hash);
  assert.ok((await block) > 0n);
  stops.forEach((stop) => stop());
  (await socket.transport.getRpcClient()).close();
});
await check("a contract's own error is decoded", async () => {
  const error = await fails(door.simulate.enter([5n], { account }));
  assert.ok(error instanceof BaseError);
  const revert = error.walk((inner) => inner instanceof ContractFunctionRevertedError);
  assert.equal(revert.data.errorName, "Closed");
  assert.deepEqual(revert.data.args, [account.address, 5n]);
});
await check("a revert with a text is shown", async () => {
  const { abi: counter } = setting.counter;
  const call = { address: setting.counterAddress, abi: counter, functionName: "count", args: [0n], account };
  const error = await fails(reader.simulateContract(call));
  assert.match(error.message, /counter: nothing to count/);
});
await check("a transaction that fails in its block says so", async () => {
  assert.equal((await mined(await door.write.enter([1n], { gas: 200_000n }))).status, "reverted");
});
await check("who has no permission is refused with the reason", async () => {
  const error = await fails(stranger.sendTransaction({ to: account.address, value: 1n, gas: 21_000n }));
  assert.match(error.message, /permission denied/);
});
await check("a nonce used before is refused as such", async () => {
  const error = await fails(member.sendTransaction({ to: account.address, nonce: 0, gas: 21_000n }));
  assert.ok(error.walk((inner) => inner.name === "NonceTooLowError"), error.message);
});
await check("who has too little is told so", async () => {
  const error = await fails(member.sendTransaction({ to: account.address, value: 10n ** 30n, gas: 21_000n }));
  assert.ok(error.walk((inner) => inner.name === "InsufficientFundsError"), error.message);
});
finish();
