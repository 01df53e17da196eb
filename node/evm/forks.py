"""The states of py-evm by fork, at the rules of our own chain and of others.

Ours closes the built-in contracts that are slow here; other chains keep them all.
"""

from functools import cache
from typing import Any

from eth.vm import forks
from eth.vm.base import VM
from eth.vm.state import BaseState

from node.evm.machine import EvmState
from node.forks import Fork

VMS: dict[Fork, type[VM]] = {
    Fork.FRONTIER: forks.FrontierVM,
    Fork.HOMESTEAD: forks.HomesteadVM,
    Fork.TANGERINE_WHISTLE: forks.TangerineWhistleVM,
    Fork.SPURIOUS_DRAGON: forks.SpuriousDragonVM,
    Fork.BYZANTIUM: forks.ByzantiumVM,
    Fork.CONSTANTINOPLE: forks.ConstantinopleVM,
    Fork.PETERSBURG: forks.PetersburgVM,
    Fork.ISTANBUL: forks.IstanbulVM,
    Fork.MUIR_GLACIER: forks.MuirGlacierVM,
    Fork.BERLIN: forks.BerlinVM,
    Fork.LONDON: forks.LondonVM,
    Fork.ARROW_GLACIER: forks.ArrowGlacierVM,
    Fork.GRAY_GLACIER: forks.GrayGlacierVM,
    Fork.PARIS: forks.ParisVM,
    Fork.SHANGHAI: forks.ShanghaiVM,
    Fork.CANCUN: forks.CancunVM,
    Fork.PRAGUE: forks.PragueVM,
}


@cache
def state_class(fork: Fork, native: bool) -> type[BaseState]:
    """The state in which code of a block runs; `native` is our own chain."""
    if native:
        if fork is not Fork.PRAGUE:
            raise ValueError("our own chain is at Prague")
        return EvmState
    found: Any = VMS[fork].get_state_class()
    return type(f"Foreign{found.__name__}", (found,), {})
