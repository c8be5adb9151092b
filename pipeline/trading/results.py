"""What a simulation hands out: an account line per bar time, fills, closed trades, positions, figures by symbol."""

from dataclasses import dataclass

from schemas.fields import F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fills:
    """n fills of one bar time, ordered by symbol; columns of shape (n,).

    ``units``: bought, negative for sold. ``price``: paid, slippage in it. ``commission`` and ``slippage`` in
    currency, both 0 or more.
    """

    symbol: tuple[str, ...]
    units: F8Array
    price: F8Array
    commission: F8Array
    slippage: F8Array

    def __len__(self) -> int:
        return len(self.symbol)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trades:
    """n trades that closed at one bar time, ordered by symbol; columns of shape (n,).

    A trade is a position's life from flat to flat, or to the other side. ``side``: 1 long, -1 short. ``units``: all
    that it entered, in units of its end (splits applied). ``entry_price`` and ``exit_price``: averages over its
    fills, slippage in them, in prices of its end. ``gross``: profit at the bars' prices; ``costs``: commission and
    slippage of all its fills; ``net`` = gross - costs. ``bars``: closes at which it was held. Times are ns UTC.
    ``model``: ``name:version`` behind the signal that opened it.
    """

    symbol: tuple[str, ...]
    side: I8Array
    units: F8Array
    entry_time: I8Array
    exit_time: I8Array
    entry_price: F8Array
    exit_price: F8Array
    gross: F8Array
    costs: F8Array
    net: F8Array
    bars: I8Array
    model: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.symbol)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Positions:
    """n open positions after the last bar time, ordered by symbol; columns of shape (n,).

    ``units`` are signed, ``price`` is the symbol's last close, ``value`` = units x price, ``weight`` its share of the
    equity. ``gross`` and ``costs``: of the open trade so far.
    """

    symbol: tuple[str, ...]
    units: F8Array
    price: F8Array
    value: F8Array
    weight: F8Array
    entry_time: I8Array
    entry_price: F8Array
    gross: F8Array
    costs: F8Array
    bars: I8Array
    model: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.symbol)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SymbolFigures:
    """Sums by symbol since the start, open positions included, for symbols that traded; ordered by symbol.

    ``trades`` and ``wins``: closed trades, and those with net above 0. ``traded``: currency bought and sold.
    ``bars``: closes at which a position was held.
    """

    symbol: tuple[str, ...]
    gross: F8Array
    costs: F8Array
    net: F8Array
    trades: I8Array
    wins: I8Array
    traded: F8Array
    bars: I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stepped:
    """The account after one bar time (ns UTC); amounts in currency.

    ``equity`` = ``cash`` + ``net_exposure``; exposures are at the last closes: the sum of units x price, and of its
    size. ``traded``: bought and sold at this bar time, at the fills' prices. ``held``: open positions. ``fills`` and
    ``trades``: none or one of each, two where the account is closed out on its fills' own bar.

    ``cut`` and ``refused``: orders that a limit made smaller, and those it left nothing of. ``unpriced``: signals for
    symbols without any bar so far, which can't be sized. ``refused_splits``: symbols of splits that are not applied:
    they came after a bar past their effective time, or with an impossible factor. ``bankrupt``: the equity fell to 0
    or below, now or before; everything was closed then and nothing trades any more.
    """

    event_time: int
    equity: float
    cash: float
    gross_exposure: float
    net_exposure: float
    traded: float
    commission: float
    slippage: float
    held: int
    fills: tuple[Fills, ...] = ()
    trades: tuple[Trades, ...] = ()
    cut: int = 0
    refused: int = 0
    unpriced: int = 0
    refused_splits: tuple[str, ...] = ()
    bankrupt: bool = False
