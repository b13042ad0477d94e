//! Cash is conserved and equity balances, to the last micro-unit, for any sequence of inputs.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tensortrade_market::order::{BrokerOrderId, Commission, ExecId, Fill, Side};
use tensortrade_market::{Currency, Instrument, Money, Price, Qty, Symbol, Ts};
use tensortrade_portfolio::{FillOutcome, FxConfig, Portfolio};

const NAMES: [&str; 4] = ["IBM", "BTCUSDT", "USDJPY", "ES"];

#[derive(Debug, Clone)]
enum Input {
    Fill { symbol: usize, id: u8, buy: bool, qty: i64, price: i64 },
    Commission { id: u8, amount: i64, foreign: bool },
    Mark { symbol: usize, price: i64 },
    Deposit { amount: i64 },
}

fn input() -> impl Strategy<Value = Input> {
    let price = 1i64..200_000_000_000;
    prop_oneof![
        6 => (0..4usize, any::<u8>(), any::<bool>(), 1i64..50_000_000_000, price.clone())
            .prop_map(|(symbol, id, buy, qty, price)| Input::Fill { symbol, id, buy, qty, price }),
        2 => (any::<u8>(), -5_000_000i64..50_000_000, any::<bool>())
            .prop_map(|(id, amount, foreign)| Input::Commission { id, amount, foreign }),
        2 => (0..4usize, price).prop_map(|(symbol, price)| Input::Mark { symbol, price }),
        1 => (-1_000_000_000i64..1_000_000_000).prop_map(|amount| Input::Deposit { amount }),
    ]
}

fn instruments() -> [Instrument; 4] {
    NAMES.map(|name| {
        let mut instrument = Instrument::guess(Symbol::intern(name).unwrap());
        if name == "ES" {
            instrument.multiplier = Qty::from_units(50).unwrap();
        }
        instrument
    })
}

/// The simplest possible books: every amount that was posted, kept in lists and summed at the end.
#[derive(Default)]
struct Ledger {
    cash: BTreeMap<Currency, Vec<i64>>,
    qty: BTreeMap<Symbol, Vec<i64>>,
    fills: std::collections::BTreeSet<u8>,
    costs: std::collections::BTreeSet<u8>,
}

fn run(inputs: &[Input]) -> (Portfolio, Ledger) {
    let instruments = instruments();
    let mut portfolio = Portfolio::new(&FxConfig::default()).unwrap();
    let mut ledger = Ledger::default();
    for instrument in &instruments {
        portfolio.register(instrument).unwrap();
    }
    for (at, input) in (0i64..).zip(inputs) {
        match *input {
            Input::Fill { symbol, id, buy, qty, price } => {
                let instrument = &instruments[symbol];
                let side = if buy { Side::Buy } else { Side::Sell };
                let fill = Fill {
                    venue: "paper".into(),
                    exec_id: ExecId::new(format!("e{id}")).unwrap(),
                    client_order_id: None,
                    broker_order_id: BrokerOrderId::new("b").unwrap(),
                    symbol: instrument.symbol,
                    side,
                    qty: Qty::from_raw(qty),
                    price: Price::from_raw(price).unwrap(),
                    ts: Ts::from_secs(at),
                };
                let outcome = portfolio.apply_fill(&fill).unwrap();
                assert_eq!(outcome != FillOutcome::Duplicate, ledger.fills.insert(id));
                if outcome != FillOutcome::Duplicate {
                    let notional =
                        Money::notional(fill.price, fill.signed_qty(), instrument.multiplier).unwrap();
                    ledger.cash.entry(instrument.currency).or_default().push(-notional.micros());
                    ledger.qty.entry(instrument.symbol).or_default().push(fill.signed_qty().raw());
                }
            }
            Input::Commission { id, amount, foreign } => {
                let currency = if foreign { Currency::new("JPY").unwrap() } else { Currency::USD };
                let exec_id = ExecId::new(format!("e{id}")).unwrap();
                let amount = Money::from_micros(amount);
                portfolio
                    .apply_commission(&Commission { venue: "paper".into(), exec_id, amount, currency })
                    .unwrap();
                if ledger.costs.insert(id) {
                    ledger.cash.entry(currency).or_default().push(-amount.micros());
                }
            }
            Input::Mark { symbol, price } => {
                let price = Price::from_raw(price).unwrap();
                portfolio.mark(instruments[symbol].symbol, price, Ts::from_secs(at)).unwrap();
            }
            Input::Deposit { amount } => {
                portfolio.deposit(Currency::USD, Money::from_micros(amount)).unwrap();
                ledger.cash.entry(Currency::USD).or_default().push(amount);
            }
        }
    }
    (portfolio, ledger)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cash_is_the_exact_sum_of_what_was_posted(inputs in prop::collection::vec(input(), 1..120)) {
        let (portfolio, ledger) = run(&inputs);
        for (currency, posted) in ledger.cash {
            prop_assert_eq!(portfolio.account(currency).cash.micros(), posted.iter().sum::<i64>());
        }
        prop_assert_eq!(portfolio.audit(), Ok(()));
    }

    #[test]
    fn a_position_is_the_sum_of_its_distinct_fills(inputs in prop::collection::vec(input(), 1..120)) {
        let (portfolio, ledger) = run(&inputs);
        for instrument in instruments() {
            let sum = ledger.qty.get(&instrument.symbol).map_or(0, |changes| changes.iter().sum());
            prop_assert_eq!(portfolio.position(instrument.symbol).unwrap().qty.raw(), sum);
        }
    }

    #[test]
    fn equity_is_capital_plus_realised_plus_unrealised_less_commissions(inputs in prop::collection::vec(input(), 1..120)) {
        let (portfolio, _) = run(&inputs);
        for (currency, account) in portfolio.accounts() {
            let positions = portfolio.positions().filter(|p| p.currency == *currency);
            let unrealised: i64 = positions.map(|p| p.unrealised().unwrap().micros()).sum();
            let gains = account.realised.micros() + unrealised - account.commissions.micros();
            let expected = account.contributed.micros() + account.adopted.micros() + gains;
            prop_assert_eq!(portfolio.equity_in(*currency).unwrap().micros(), expected);
        }
    }

    #[test]
    fn a_flat_position_has_no_cost_left(inputs in prop::collection::vec(input(), 1..60)) {
        let (mut portfolio, _) = run(&inputs);
        for (at, instrument) in instruments().iter().enumerate() {
            let position = *portfolio.position(instrument.symbol).unwrap();
            if let Some((side, qty)) = Side::of(position.qty.negated()) {
                let fill = Fill {
                    venue: "close".into(),
                    exec_id: ExecId::new(format!("c{at}")).unwrap(),
                    client_order_id: None,
                    broker_order_id: BrokerOrderId::new("b").unwrap(),
                    symbol: instrument.symbol,
                    side,
                    qty,
                    price: Price::from_raw(7_777_777_777).unwrap(),
                    ts: Ts::from_secs(1_000),
                };
                portfolio.apply_fill(&fill).unwrap();
            }
            let position = portfolio.position(instrument.symbol).unwrap();
            prop_assert_eq!((position.qty, position.cost), (Qty::ZERO, Money::ZERO));
        }
        for (currency, account) in portfolio.accounts() {
            prop_assert_eq!(portfolio.equity_in(*currency).unwrap(), account.cash);
        }
    }

    #[test]
    fn a_restored_snapshot_goes_on_like_the_original(
        first in prop::collection::vec(input(), 1..60),
        price in 1i64..200_000_000_000,
    ) {
        let (mut live, _) = run(&first);
        let mut restored: Portfolio = serde_json::from_str(&serde_json::to_string(&live).unwrap()).unwrap();
        for portfolio in [&mut live, &mut restored] {
            let price = Price::from_raw(price).unwrap();
            portfolio.mark(Symbol::intern("USDJPY").unwrap(), price, Ts::from_secs(2_000)).unwrap();
        }
        prop_assert_eq!(live.revalue(), restored.revalue());
        prop_assert_eq!(serde_json::to_string(&live).unwrap(), serde_json::to_string(&restored).unwrap());
    }
}
