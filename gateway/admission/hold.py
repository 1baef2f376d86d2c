"""Whether work that comes after a request may pass it on an account where it does not fit.

The request is the next by class, floor and virtual service; the account has some room, but too little of one
dimension for it; smaller work behind it would fit. To let everything smaller pass keeps the account busy and
starves the large: what flows off the window, a sixtieth a second, is taken by the small before it adds up. To let
nothing pass is safe for the large and can leave an account idle, for hours if it is a day's count that is used up,
or because of requests that another account will take first.

The rule is that of EASY backfilling (Lifka 1995; Mu'alem & Feitelson, IEEE TPDS 2001): the one who is next has a
reservation where it can start earliest, and others may go ahead if they do not delay it. What is spent stays in a
window for longer than anybody holds, and nearly all work takes from every dimension that is short, so here "does
not delay" comes down to where the reservation is. The request holds the account if

* it is room that it waits for: one whose model the key cannot serve just now has no use for it;
* it will fit there while somebody still waits for it, and before a whole window has passed: what takes longer is
  not room flowing off but a block or a day's count, and holding the account would buy nothing;
* no other account of its signature will have room for it sooner (reference §2.4: advertised on its first choice
  only, or it would hold the room of all).

Otherwise it waits without being in anyone's way. So an account idles no longer than it takes to gather room for the
one who is next, and who is next on an account goes there no later than if nothing smaller were waiting. This is the
stop per resource of reference §3.6, less the cases in which nobody gains by it.

A class that is ahead of more urgent ones only because of its floor holds the account against these for no more than
a second, the depth of the pacing bucket: enough to gather its room there, too little to be felt above.
"""

from gateway.admission.item import Item
from gateway.admission.outlook import Outlook

#: How a request that does not fit stands in the way of what comes after it.
PASSES, HOLDS_BELOW, HOLDS_ALL = range(3)

_WINDOW_S = 60.0
_BUCKET_S = 1.0


def hold(item: Item, account: str, outlook: Outlook, now: float) -> int:
    """`PASSES`: anyone may go ahead · `HOLDS_BELOW`: only more urgent classes · `HOLDS_ALL`: nobody."""
    wait = outlook.free_in(account, item)
    if outlook.opens_in(account, item) > 0.0:
        return PASSES
    if wait > min(_WINDOW_S, item.expires_at - now):
        return PASSES
    earlier = True  # of two accounts with room at the same time the first is the choice
    for other in item.signature:
        if other == account:
            earlier = False
            continue
        there = outlook.free_in(other, item)
        if there < wait or (earlier and there == wait):
            return PASSES
    return HOLDS_ALL if wait <= _BUCKET_S else HOLDS_BELOW
