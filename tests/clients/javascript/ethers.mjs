// ethers v6 against a running node: what a wallet or a web page does with it.
import assert from "node:assert/strict";
import { ContractFactory, Contract, JsonRpcProvider, Wallet, WebSocketProvider } from "ethers";
import { check, fails, finish, setting } from "./checks.mjs";

const provider = new JsonRpcProvider(setting.url, undefined, { pollingInterval: 200, cacheTimeout: -1 });
const member = new Wallet(setting.member, provider);
const stranger = new Wallet(setting.stranger, provider);
const { abi, bytecode } = setting.door;
let door;

await check("the chain id is asked for", async () => {
  assert.equal((await provider.getNetwork()).chainId, BigInt(setting.chainId));
});
await check("fees are zero", async () => {
  const fees = await provider.getFeeData();
  assert.deepEqual([fees.gasPrice, fees.maxFeePerGas ?? 0n, fees.maxPriorityFeePerGas ?? 0n], [0n, 0n, 0n]);
  assert.equal((await provider.getBlock("latest")).baseFeePerGas, 0n);
});
await check("a contract is deployed", async () => {
  door = await new ContractFactory(abi, bytecode, member).deploy();
  await door.waitForDeployment();
  assert.notEqual(await provider.getCode(await door.getAddress()), "0x");
});
await check("a call reads, at the head and in the past", async () => {
  const receipt = await door.deploymentTransaction().wait();
  assert.equal(await door.times(), 0n);
  assert.equal(await door.times({ blockTag: receipt.blockNumber }), 0n);
});
await check("gas is estimated closely", async () => {
  const estimate = await door.knock.estimateGas();
  const receipt = await (await door.knock({ gasLimit: estimate })).wait();
  assert.equal(receipt.status, 1);
  assert.ok(estimate >= receipt.gasUsed && estimate <= receipt.gasUsed * 13n / 10n, `${estimate}, ${receipt.gasUsed}`);
});
await check("sending is free", async () => {
  const before = await provider.getBalance(member.address);
  const receipt = await (await door.knock()).wait();
  assert.equal(receipt.gasPrice, 0n);
  assert.equal(await provider.getBalance(member.address), before);
});
await check("value arrives", async () => {
  const to = Wallet.createRandom().address;
  await (await member.sendTransaction({ to, value: 7n })).wait();
  assert.equal(await provider.getBalance(to), 7n);
});
for (const type of [0, 1, 2]) {
  await check(`a transaction of type ${type} is mined`, async () => {
    const sent = await member.sendTransaction({ to: member.address, value: 0n, type });
    assert.equal((await sent.wait()).type, type);
    assert.equal((await provider.getTransaction(sent.hash)).type, type);
  });
}
await check("several wait at once with rising nonces", async () => {
  const first = await provider.getTransactionCount(member.address, "pending");
  const sent = [];
  for (const step of [0, 1, 2, 3]) {
    sent.push(await member.sendTransaction({ to: member.address, nonce: first + step }));
  }
  const receipts = await Promise.all(sent.map((one) => one.wait()));
  assert.ok(receipts.every((receipt) => receipt.status === 1));
  assert.equal(await provider.getTransactionCount(member.address), first + 4);
});
await check("events are in the receipt and in the logs", async () => {
  const receipt = await (await door.knock()).wait();
  const event = door.interface.parseLog(receipt.logs[0]);
  assert.equal(event.name, "Knocked");
  assert.equal(event.args.who, member.address);
  const logs = await door.queryFilter(door.filters.Knocked(member.address), 0, "latest");
  assert.deepEqual(logs.map((log) => log.args.times), logs.map((_, index) => BigInt(index + 1)));
  assert.equal(logs.at(-1).args.times, event.args.times);
});
await check("listening by polling hears an event", async () => {
  const heard = new Promise((resolve) => door.once("Knocked", (who, times) => resolve({ who, times })));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await (await door.knock()).wait();
  const { who, times } = await heard;
  assert.equal(who, member.address);
  assert.equal(times, await door.times());
});
await check("listening on a socket hears blocks, events and what waits", async () => {
  const socket = new WebSocketProvider(setting.socket);
  const listening = new Contract(await door.getAddress(), abi, socket);
  const block = new Promise((resolve) => socket.once("block", resolve));
  const event = new Promise((resolve) => listening.once("Knocked", (who, times) => resolve({ who, times })));
  const waiting = new Promise((resolve) => socket.once("pending", resolve));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const sent = await door.knock();
  assert.equal(await waiting, sent.hash);
  assert.equal((await event).who, member.address);
  assert.ok((await block) > 0);
  await listening.removeAllListeners();
  await socket.removeAllListeners();
  await socket.getBlockNumber();
  await socket.destroy();
});
await check("a contract's own error is decoded", async () => {
  const error = await fails(door.enter.staticCall(5n));
  assert.equal(error.code, "CALL_EXCEPTION");
  assert.equal(error.revert.name, "Closed");
  assert.deepEqual([...error.revert.args], [member.address, 5n]);
});
await check("an estimate that reverts says why", async () => {
  const error = await fails(door.enter.estimateGas(6n));
  assert.equal(error.code, "CALL_EXCEPTION");
  assert.equal(door.interface.parseError(error.data).args[1], 6n);
});
await check("a revert with a text is shown", async () => {
  const counter = new Contract(setting.counterAddress, setting.counter.abi, member);
  const error = await fails(counter.count.staticCall(0n));
  assert.equal(error.reason, "counter: nothing to count");
});
await check("a transaction that fails in its block says so", async () => {
  const error = await fails((await door.enter(1n, { gasLimit: 200_000n })).wait());
  assert.equal(error.code, "CALL_EXCEPTION");
  assert.equal(error.receipt.status, 0);
});
await check("who has no permission is refused with the reason", async () => {
  const error = await fails(stranger.sendTransaction({ to: member.address, value: 1n, gasLimit: 21_000n }));
  assert.match(error.message, /permission denied/);
});
await check("a nonce used before is refused as such", async () => {
  const error = await fails(member.sendTransaction({ to: member.address, nonce: 0, gasLimit: 21_000n }));
  assert.equal(error.code, "NONCE_EXPIRED");
});
await check("who has too little is told so", async () => {
  const value = 10n ** 30n;
  const error = await fails(member.sendTransaction({ to: member.address, value, gasLimit: 21_000n }));
  assert.equal(error.code, "INSUFFICIENT_FUNDS");
});
finish();
