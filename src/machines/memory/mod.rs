//! Memory without a network: addresses and the pages behind them, who holds the frames, what an access costs.
pub mod allocation;
pub mod emat;
pub mod mmu;
pub mod paging;
pub mod reference;
