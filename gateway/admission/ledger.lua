-- One batch for one account, atomically: gateway/admission/booking.py in the server. Read that first; both are compared
-- step by step in tests/admission. ledger_script.py puts the Python modules' figures in place of what is read from K here.
--
-- KEYS[1] the book (hash): the state, and a field for each worker  KEYS[2] tags of tenants (hash)  KEYS[3] days (hash)
-- KEYS[4…] slots (hashes): those of the window, then those of sub-windows by length. All of one account, one hash tag.
-- ARGV[1] the batch and the terms, ARGV[2] the worker's field, ARGV[3] names of the dimensions, ARGV[4] what waits there
-- by tenant, which is handed on to other workers unread, ARGV[5…] tenants.
--
-- Everything is integers below 2^53 in doubles, packed flat (ledger_wire.py): exact, and the cheapest there is to read
-- and write. A charge is named by the place in B before its first axis. A call of the server costs as much as twenty
-- lines here, so what a batch touches is read at once and written at once. Functions that few batches need are made
-- where they are needed: making one costs as much as calling it.

local call, floor, ceil, max, min = redis.call, math.floor, math.ceil, math.max, math.min
local CONCURRENCY = 5 -- axis, after the four of a charge

local function numbers(raw, first)
  local all, count = nil, (#raw - first + 1) / 8
  if count <= 200 then
    all = { struct.unpack('<' .. string.rep('d', count), raw, first) }
  else -- a call returns only so many values
    all = {}
    for from = 1, count, 200 do
      local some = min(200, count - from + 1)
      local part = { struct.unpack('<' .. string.rep('d', some), raw, first + from * 8 - 8) }
      for i = 1, some do all[from + i - 1] = part[i] end
    end
  end
  all[count + 1] = nil -- after the values comes where reading ended
  return all
end

local function packed(list)
  if #list <= 200 then return struct.pack('<' .. string.rep('d', #list), unpack(list)) end
  local parts = {}
  for from = 1, #list, 200 do
    local to = min(from + 199, #list)
    parts[#parts + 1] = struct.pack('<' .. string.rep('d', to - from + 1), unpack(list, from, to))
  end
  return table.concat(parts)
end

local B, worker = numbers(ARGV[1], 1), ARGV[2]
local now, number, in_flight, lease_ms, paced, set_aside = B[1], B[2], B[3], B[4], B[5] == 1, B[6]
local has_seen, seen_epoch, seen_version, seen_now, seen_elapsed = B[7] == 1, B[8], B[9], B[10], B[11]
local stock_wanted, stock_ms, STOCK, MIDNIGHTS = B[12], B[13], 13, 17
local dimension_count, report_count, return_count, settle_count = B[22], B[23], B[24], B[25]
local observation_count, served_count, demand_count, ask_count, sent_count = B[26], B[27], B[28], B[29], B[30]
local DIMENSIONS = 30
local REPORTS = DIMENSIONS + 7 * dimension_count
local RETURNS = REPORTS + 6 * report_count
local SETTLES = RETURNS + 6 * return_count
local OBSERVATIONS = SETTLES + 6 * settle_count
local SERVED = OBSERVATIONS + 5 * observation_count
local DEMAND = SERVED + 3 * served_count
local ASKS = DEMAND + 12 * demand_count
local SENT = ASKS + 7 * ask_count
local RECALL = SENT + 5 * max(0, sent_count)

if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000 + floor(time[2] / 1000)
end

local function read_fields(key, fields)
  if #fields <= 200 then return call('HMGET', key, unpack(fields)) end
  local all = {}
  for from = 1, #fields, 200 do
    for _, one in ipairs(call('HMGET', key, unpack(fields, from, min(from + 199, #fields)))) do all[#all + 1] = one end
  end
  return all
end

local function write_fields(command, key, list)
  for from = 1, #list, 200 do call(command, key, unpack(list, from, min(from + 199, #list))) end
end

-- ---------------------------------------------------------------- slots (window.py)
-- All windows of one length: key, slot length, held, first, last, used by axis. A row is what was charged in one slot,
-- by axis like a charge: at most one rate counts an axis.
--
-- The server keeps a small hash as a list, and looks for each field from its start: with some hundred slots that is
-- most of a batch's time. A value of more than 64 bytes makes it a table, for as long as the key lives: `anew`.

local function make_slots(key, slot, held)
  return { key = key, slot = slot, held = held, first = 0, last = 0, used = { 0, 0, 0, 0 }, rows = {}, changed = {}, anew = false }
end

local function load(slots, wanted)
  local rows, missing = slots.rows, {}
  for _, slot in ipairs(wanted) do
    if not rows[slot] then missing[#missing + 1] = slot end
  end
  if #missing == 0 then return end
  local found = read_fields(slots.key, missing)
  for i, slot in ipairs(missing) do
    rows[slot] = found[i] and { struct.unpack('<dddd', found[i]) } or { 0, 0, 0, 0 }
  end
end

local function load_range(slots, from, to)
  local wanted = {}
  for slot = from, to do wanted[#wanted + 1] = slot end
  load(slots, wanted)
end

local function row_of(slots, slot)
  if not slots.rows[slot] then load(slots, { slot }) end
  return slots.rows[slot]
end

local function expire(slots)
  local first, used = floor((now - slots.held) / slots.slot), slots.used
  if first > slots.last then
    if slots.last >= slots.first and slots.last > 0 then call('DEL', slots.key) end
    slots.used, slots.anew = { 0, 0, 0, 0 }, true
  elseif first > slots.first then
    load_range(slots, slots.first, first - 1)
    for slot = slots.first, first - 1 do
      local row = slots.rows[slot]
      for axis = 1, 4 do
        if row[axis] > 0 then
          used[axis] = used[axis] - row[axis]
          row[axis], slots.changed[slot] = 0, true
        end
      end
    end
  end
  slots.first = max(first, slots.first)
end

local function add(slots, axis, at, units)
  local slot = (at - at % slots.slot) / slots.slot
  if slot < slots.first then return false end
  if slot > slots.last then slots.last = slot end
  if units ~= 0 then
    local row = slots.rows[slot] or row_of(slots, slot)
    row[axis], slots.changed[slot] = row[axis] + units, true
    slots.used[axis] = slots.used[axis] + units
  end
  return true
end

local function remove(slots, axis, at, units)
  if units == 0 then return 0 end
  local slot = (at - at % slots.slot) / slots.slot
  if slot < slots.first then return 0 end
  local row = slots.rows[slot] or row_of(slots, slot)
  local taken = min(units, row[axis])
  row[axis], slots.changed[slot] = row[axis] - taken, true
  slots.used[axis] = slots.used[axis] - taken
  return taken
end

local function write(slots)
  local gone, kept = {}, {}
  for slot in pairs(slots.changed) do
    local row = slots.rows[slot]
    if row[1] == 0 and row[2] == 0 and row[3] == 0 and row[4] == 0 then
      gone[#gone + 1] = slot
    else
      kept[#kept + 1] = slot
      kept[#kept + 1] = struct.pack('<dddd', row[1], row[2], row[3], row[4])
    end
  end
  if slots.anew and #kept > 0 then
    kept[#kept + 1], kept[#kept + 2] = 'table', string.rep('.', 65)
  end
  write_fields('HDEL', slots.key, gone)
  write_fields('HSET', slots.key, kept)
end

-- ---------------------------------------------------------------- ceilings (ceiling.py)

local function settle_limit(meter)
  local nominal = meter.configured
  if meter.observed > 0 and meter.observed < nominal then nominal = meter.observed end
  local lowered = nominal
  if meter.multiplier ~= K.FULL then lowered = max(1, floor(nominal * meter.multiplier / K.FULL)) end
  if lowered < 1 then lowered = 1 end
  local limit = max(1, lowered - floor(lowered * meter.set_aside / 1000))
  meter.nominal, meter.limit = nominal, limit
  if meter.slots then
    local shared = min(limit, lowered - floor(lowered * K.TOP_CLASS_PERMILLE / 1000))
    if shared == limit and limit >= K.PLACE_FROM then shared = shared - 1 end
    meter.burst_limit = max(1, floor(lowered * meter.burst_ms / K.WINDOW_MS))
    meter.shared_limit, meter.level_max, meter.credit_max = shared, max(shared * K.BUCKET_MS, K.SCALE), shared * K.CREDIT_MS
  end
end

local function recover(meter)
  if meter.observed > 0 and now - meter.observed_at >= K.OBSERVED_MS then
    meter.observed = 0
    settle_limit(meter)
  end
  if meter.multiplier == K.FULL then return end
  local steps = floor((now - meter.recovered_at) / K.RECOVERY_MS)
  if steps <= 0 then return end
  meter.recovered_at = meter.recovered_at + steps * K.RECOVERY_MS
  meter.multiplier = min(K.FULL, meter.multiplier + steps)
  settle_limit(meter)
end

-- ---------------------------------------------------------------- state (membership.py, Book)
-- Packed: epoch, version, last, when lifetimes were renewed, whether it is relearned; then PER_METER for each meter.

local HEAD, PER_METER = 5, 22
local S, renamed, resliced = nil, false, {} -- by place among the terms, rates whose sub-window is of another length
local workers = call('HGETALL', KEYS[1]) -- and among them the state
for i = 1, #workers, 2 do
  if workers[i] == 'state' then
    local raw = workers[i + 1]
    local cut = #ARGV[3] + 1
    renamed = string.sub(raw, 1, cut) ~= ARGV[3] .. ';'
    if renamed then cut = string.find(raw, ';', 1, true) end
    S = numbers(raw, cut + 1)
    if renamed then -- other terms than before: what stays is known by its name
      local had, place = {}, HEAD
      for name, length in string.gmatch(string.sub(raw, 1, cut - 1), '([^:,]+):(%d+)') do
        had[name] = { place, length }
        place = place + PER_METER
      end
      local again = {}
      for k = 1, HEAD do again[k] = S[k] end
      for name, length in string.gmatch(ARGV[3], '([^:,]+):(%d+)') do
        local its = had[name]
        for k = 1, PER_METER do again[#again + 1] = its and S[its[1] + k] or -1 end
        resliced[(#again - HEAD) / PER_METER] = its and its[2] ~= length
      end
      S = again
    end
    if S[3] - K.CLOCK_BACK_MS <= now and now < S[3] then now = S[3] end
    table.remove(workers, i)
    table.remove(workers, i)
    break
  end
end

-- What is relearned of a lost state (relearning.py), while that may matter: began, when the latest word is of, whether
-- there is one, its epoch, version, now, live, used by axis; own by axis; the lump by axis, where it is charged; then
-- when those who told were last answered.
local R, relearned = nil, false
local R_USED, R_OWN, R_LUMP, R_TOLD = 7, 11, 15, 20
local function begin_relearning()
  R, relearned = {}, true
  for i = 1, R_TOLD do R[i] = 0 end
  R[1] = now
end
local function missing()
  if R[3] == 0 then return 0 end
  local count = R[7]
  for i = R_TOLD + 1, #R do
    if R[i] >= R[6] - K.LIVE_MS then count = count - 1 end
  end
  return max(0, count)
end
if S and S[5] == 1 then
  for i = 1, #workers, 2 do
    if workers[i] == 'lost' then
      R = numbers(workers[i + 1], 1)
      table.remove(workers, i)
      table.remove(workers, i)
      break
    end
  end
end

local contradicted = S and (now < S[3] or has_seen and seen_epoch == S[1] and (seen_version > S[2]
  or seen_elapsed < K.FORGOTTEN_MS and now - seen_now - seen_elapsed > K.CLOCK_JUMP_MS))
if not S or contradicted then
  local epoch, knew = now, 0
  if S then
    epoch = max(now, S[1] + 1)
    if R then knew = missing() end
    for i = 2, #workers, 2 do
      local _, _, its_joined = struct.unpack('<dddd', workers[i])
      knew = knew + its_joined
    end
  end
  R = nil
  if knew > 0 then begin_relearning() end
  call('DEL', KEYS[1], KEYS[2], unpack(KEYS, 4))
  workers = {}
  S = { epoch, 0, now, 0, 0 }
end
S[3] = now

local rates, days, meters, concurrency = {}, {}, {}, nil
local windows = { make_slots(KEYS[4], K.SLOT_MS, K.HELD_MS) } -- and then those of sub-windows
for i = 1, dimension_count do
  local d, s = DIMENSIONS + 7 * (i - 1), HEAD + PER_METER * (i - 1)
  local kind = B[d + 1]
  local kept = S[s + 1] and S[s + 1] >= 0
  if kind ~= 0 then
    local meter = {
      axis = B[d + 2], configured = B[d + 3], set_aside = kind == 1 and set_aside or 0, nominal = 0, limit = 0, used = 0,
      blocked_until = kept and S[s + 1] or 0, observed = kept and S[s + 2] or 0,
      multiplier = kept and S[s + 3] or K.FULL, recovered_at = kept and S[s + 4] or 0,
      observed_at = kept and S[s + 21] or 0, lowered_at = kept and S[s + 22] or 0,
    }
    settle_limit(meter)
    meters[i] = meter
    if kind == 1 then days[#days + 1] = meter else concurrency = meter end
  else
    local slots, axis, burst = windows[1], B[d + 2], false
    local meter = {
      axis = axis, configured = B[d + 3], set_aside = set_aside, nominal = 0, limit = 0, shared_limit = 0,
      blocked_until = kept and S[s + 1] or 0, observed = kept and S[s + 2] or 0,
      multiplier = kept and S[s + 3] or K.FULL, recovered_at = kept and S[s + 4] or 0,
      observed_at = kept and S[s + 21] or 0, lowered_at = kept and S[s + 22] or 0, slots = slots, burst = false,
      burst_limit = 0, burst_ms = B[d + 5], resliced = resliced[i],
      level = S[s + 11], credit = S[s + 12], owed = kept and S[s + 13] or 0,
      level_max = 0, credit_max = 0, paced_at = kept and S[s + 14] or now,
      step = kept and S[s + 15] or floor(now / K.STEP_MS), place = s + 15, way = 0,
    }
    if B[d + 4] > 0 then
      burst = windows[B[d + 4]] or make_slots(KEYS[3 + B[d + 4]], B[d + 6], B[d + 7])
      windows[B[d + 4]], meter.burst = burst, burst
    end
    settle_limit(meter)
    if kept then
      slots.first, slots.last, slots.used[axis] = S[s + 5], S[s + 6], S[s + 7]
      if burst and not resliced[i] then burst.first, burst.last, burst.used[axis] = S[s + 8], S[s + 9], S[s + 10] end
    else
      meter.level, meter.credit = meter.level_max, meter.credit_max
      for k = 1, 5 do S[s + 15 + k] = 0 end
    end
    rates[#rates + 1] = meter
    meters[i] = meter
  end
end

for _, slots in ipairs(windows) do
  local used = slots.used
  slots.anew = used[1] + used[2] + used[3] + used[4] == 0
end

if renamed then -- what was charged on rates that are gone, or of another sub-window, must not come back with them
  for _, slots in ipairs(windows) do
    local stays, all = {}, call('HGETALL', slots.key)
    for k = 1, #rates do
      local rate = rates[k]
      local its = slots == windows[1] or slots == rate.burst and not rate.resliced
      if its and S[rate.place - 14] >= 0 then stays[rate.axis] = true end
    end
    for i = 1, #all, 2 do
      local slot = tonumber(all[i])
      if slot then
        local row = { struct.unpack('<dddd', all[i + 1]) }
        for axis = 1, 4 do
          if not stays[axis] and row[axis] ~= 0 then row[axis], slots.changed[slot] = 0, true end
        end
        slots.rows[slot] = row
      end
    end
  end
end

-- ---------------------------------------------------------------- rates (rate.py, pace.py, share.py)
-- What class k was served of a rate is S[rate.place + k + 1].

local function fade(rate)
  local steps = floor(now / K.STEP_MS) - rate.step
  if steps <= 0 then return end
  rate.step = rate.step + steps
  for i = rate.place + 1, rate.place + 5 do
    local units = S[i]
    if steps >= K.STEPS_TO_NOTHING then
      units = 0
    elseif units > 0 then
      for _ = 1, steps do units = units - floor(units / K.STEPS_A_MINUTE) end
    end
    S[i] = units
  end
end

local function repay(rate, most)
  local repaid = min(rate.owed, most)
  rate.owed = rate.owed - repaid
  return repaid
end

local function pour(rate, level)
  local over = level - rate.level_max
  if over > 0 then
    level = rate.level_max
    rate.credit = min(rate.credit_max, rate.credit + over - repay(rate, over))
  end
  rate.level = level
end

local function repaid_ms(at) return floor(at * K.REPAID_MS / K.REPAID_OF_MS) end

for i, slots in ipairs(windows) do
  if slots.first == 0 or now >= (slots.first + 1) * slots.slot + slots.held then
    expire(slots)
    for _, rate in ipairs(i == 1 and rates or {}) do
      fade(rate)
      recover(rate)
    end
  end
end
for k = 1, #rates do
  local rate = rates[k]
  local passed = now - rate.paced_at
  if passed > 0 then
    local level = rate.level + rate.shared_limit * passed
    if rate.owed > 0 then level = level - repay(rate, rate.shared_limit * (repaid_ms(now) - repaid_ms(rate.paced_at))) end
    rate.paced_at = now
    pour(rate, level)
  end
end
if renamed then -- all of the window may be sent when the last lease ends
  for k = 1, #rates do
    local rate = rates[k]
    if rate.resliced and rate.burst then
      add(rate.burst, rate.axis, now + K.LEASE_MS_MAX, min(rate.slots.used[rate.axis], rate.burst_limit))
    end
  end
end
for k = 1, #days do recover(days[k]) end
if concurrency then recover(concurrency) end

local BLOCKED, BY_LEVEL, BY_CREDIT = 0, 1, 2

local function way(rate, units, hold)
  local need, held = units * K.SCALE, hold * K.SCALE
  if rate.level - held >= min(need, rate.level_max) then return BY_LEVEL end
  if rate.credit - held >= need and rate.slots.used[rate.axis] * 100 < rate.shared_limit * K.CREDIT_USABLE_BELOW_PERCENT then
    return BY_CREDIT
  end
  return BLOCKED
end

local function spend(rate, units, by, overdraw)
  if by == BY_CREDIT then
    rate.credit, rate.owed = rate.credit - units * K.SCALE, rate.owed + units * K.SCALE
    return
  end
  local level = rate.level - units * K.SCALE
  if overdraw then level = max(level, min(rate.level, -K.OVERDRAFT_BUCKETS * rate.level_max)) end
  rate.level = level
end

-- By rank, thousandths of the ceiling of the narrowest rate, and their sum: the one of which all together took most.
local taken = nil -- until somebody takes more
local function served()
  if not taken then
    taken = { 0, 0, 0, 0, 0, sum = -1 }
    for k = 1, #rates do
      local place, limit = rates[k].place, rates[k].limit
      local of = {}
      for i = 1, 5 do of[i] = floor(S[place + i] / limit) end
      of.sum = of[1] + of[2] + of[3] + of[4] + of[5]
      if of.sum > taken.sum then taken = of end
    end
  end
  return taken
end

local function is_below_floor(rank)
  local FLOORS, of = K.FLOOR_PERMILLE, served()
  return of[rank + 1] * 1000 < FLOORS[rank + 1] * max(K.LEAST_USED_PERMILLE, of.sum)
end

local function top_has_share()
  local of = served()
  return of[1] * 1000 >= K.TOP_SHARE_PERMILLE * max(K.LEAST_USED_PERMILLE, of.sum)
end

local function claims_floor(rank)
  return rank > 0 and top_has_share() and is_below_floor(rank)
end

local function share_add(rate, rank, units)
  local place = rate.place + rank + 1
  S[place], taken = max(0, S[place] + units * K.SHARE_SCALE), nil
end

-- ---------------------------------------------------------------- days (day.py)

local day_of, day_used, day_charge
local by_day, days_changed = {}, false
if #days > 0 then
  local all = call('HGETALL', KEYS[3])
  for i = 1, #all, 2 do by_day[tonumber(all[i])] = tonumber(all[i + 1]) end
  day_of = function(at)
    for i = MIDNIGHTS + 4, MIDNIGHTS + 2, -1 do
      if at >= B[i] then return B[i] end
    end
    return B[MIDNIGHTS + 1]
  end
  day_used = function(at) return by_day[day_of(at)] or 0 end
  day_charge = function(units, at)
    if units == 0 then return end
    by_day[day_of(at)], days_changed = max(0, day_used(at) + units), true
    local count, oldest = 0, nil
    for day in pairs(by_day) do
      count, oldest = count + 1, min(oldest or day, day)
    end
    if count > K.DAYS_KEPT then by_day[oldest] = nil end
  end
end

-- ---------------------------------------------------------------- workers (membership.py, waiting.py)
-- A worker: beat, applied, joined, in flight, how many rows; then these, each rank, requests, order, total by axis, head
-- by axis, how long the name of the head's tenant is (-1: nobody knows it); then the names; then what its batch told of
-- who waits there.

local WORKER, ROW = 5, 14
local elsewhere = {}
local rows, live, known, untold, others_in_flight = {}, 1, 0, 0, 0
local waiting = { 0, 0, 0, 0, 0 }
local applied, joined = 0, 0
for i = 1, #workers, 2 do
  local text = workers[i + 1]
  local beat, its_applied, its_joined, its_in_flight, its_rows = struct.unpack('<ddddd', text)
  if workers[i] == worker then
    if beat >= now - K.FORGOTTEN_MS then applied, joined = its_applied, its_joined end
  elseif beat < now - K.FORGOTTEN_MS then
    call('HDEL', KEYS[1], workers[i])
  else
    known = known + its_joined
    if beat >= now - K.LIVE_MS then live, untold = live + 1, untold + 1 - its_joined end
    if beat >= now - K.OWNER_DEAD_MS then others_in_flight = others_in_flight + its_in_flight end
    if beat >= now - K.ROW_MS and its_rows > 0 then
      local last = 8 * (WORKER + ROW * its_rows)
      local its = numbers(string.sub(text, 1, last), 1)
      for place = WORKER, #its - ROW, ROW do
        local length = its[place + 14]
        rows[#rows + 1] = { its, place, length >= 0 and string.sub(text, last + 1, last + length) }
        last = last + max(0, length)
        waiting[its[place + 1] + 1] = waiting[its[place + 1] + 1] + its[place + 2]
      end
      if #text > last then elsewhere[#elsewhere + 1] = string.sub(text, last + 1) end
    end
  end
end

S[2] = S[2] + 1
if R and now - R[1] >= K.FORGOTTEN_MS then
  R = nil
  call('HDEL', KEYS[1], 'lost')
end
if joined == 0 then
  if not has_seen or seen_elapsed >= K.FORGOTTEN_MS then
    joined = 1
  elseif seen_epoch ~= S[1] and (not R or R[3] == 1 and now - R[1] >= K.MISSING_MS
    and seen_epoch ~= R[4] and now - seen_elapsed > R[2]) then
    begin_relearning()
  end
  if sent_count >= 0 then joined = 1 end
end
known, untold = known + joined, untold + 1 - joined

-- ---------------------------------------------------------------- booked once for a number (booking.py)

local fresh = applied < number
if fresh then applied = number end
local ours = not has_seen or seen_epoch == S[1]

local at = now + min(max(lease_ms, 0), K.LEASE_MS_MAX) -- where leases of this batch end
for _, slots in ipairs(windows) do -- most of what this batch touches, in one call
  local wanted, seen, length = {}, {}, slots.slot
  local function want(time)
    local slot = (time - time % length) / length
    if not seen[slot] and slot >= slots.first then
      seen[slot], wanted[#wanted + 1] = true, slot
    end
  end
  if ask_count > 0 then want(at) end
  if fresh then
    for place = REPORTS, RETURNS - 1, 6 do
      want(B[place + 1])
      want(B[place + 2])
    end
    for place = RETURNS, OBSERVATIONS - 1, 6 do want(B[place + 1]) end
    for place = SENT, SENT + 5 * sent_count - 1, 5 do want(now - max(0, B[place + 1])) end
  end
  load(slots, wanted)
end

if fresh and sent_count > 0 then
  for place = SENT, SENT + 5 * sent_count - 1, 5 do
    local sent_at = now - max(0, B[place + 1])
    for k = 1, #rates do
      local rate = rates[k]
      add(rate.slots, rate.axis, sent_at, B[place + 1 + rate.axis])
      if rate.burst then add(rate.burst, rate.axis, sent_at, B[place + 1 + rate.axis]) end
    end
  end
end

if fresh and B[RECALL + 1] then
  local epoch, version, its_now, told_at = B[RECALL + 1], B[RECALL + 2], B[RECALL + 3], now - B[RECALL + 4]
  for k = 1, #days do day_charge(max(0, B[RECALL + 14] - day_used(told_at)), told_at) end
  if R then
    if R[3] == 0 or epoch ~= R[4] and told_at > R[2] then
      for i = #R, R_TOLD + 1, -1 do R[i] = nil end
      for axis = 1, 4 do R[R_OWN + axis] = 0 end
      R[4] = epoch
    end
    if epoch == R[4] then
      relearned = true
      if #R == R_TOLD or version > R[5] then
        R[2], R[3], R[5], R[6], R[7] = told_at, 1, version, its_now, B[RECALL + 5]
        for axis = 1, 4 do R[R_USED + axis] = B[RECALL + 5 + axis] end
      end
      R[#R + 1] = its_now
      for axis = 1, 4 do R[R_OWN + axis] = R[R_OWN + axis] + B[RECALL + 9 + axis] end
    end
  end
end

local learning = false
if R then
  local gone, age = missing(), now - R[1]
  known = known + gone
  learning = age < K.ROUND_MS or age < K.MISSING_MS and (R[3] == 0 or untold > 0 or gone > 0)
  if not learning then
    local all = R[3] == 0 or gone > 0
    local lump_at = all and R[1] + K.LEASE_MS_MAX or R[2]
    local lump, moved = {}, lump_at ~= R[R_LUMP + 5]
    for axis = 1, 4 do lump[axis] = R[R_USED + axis] end
    for k = 1, #rates do
      if all then lump[rates[k].axis] = max(lump[rates[k].axis], rates[k].limit) end
    end
    for axis = 1, 4 do
      lump[axis] = max(0, lump[axis] - R[R_OWN + axis])
      if lump[axis] ~= R[R_LUMP + axis] then moved = true end
    end
    if moved then
      local former_at = R[R_LUMP + 5]
      for k = 1, #rates do
        local slots, burst, axis, most = rates[k].slots, rates[k].burst, rates[k].axis, rates[k].burst_limit
        remove(slots, axis, former_at, R[R_LUMP + axis])
        add(slots, axis, lump_at, lump[axis])
        if burst then
          remove(burst, axis, former_at, min(R[R_LUMP + axis], most))
          add(burst, axis, lump_at, min(lump[axis], most))
        end
      end
      for axis = 1, 4 do R[R_LUMP + axis] = lump[axis] end
      R[R_LUMP + 5], relearned = lump_at, true
    end
  end
end
local closed = learning or joined == 0

if fresh and report_count + return_count + settle_count > 0 then
  local function give_back(rate, units, rank, at)
    if rate.burst then remove(rate.burst, rate.axis, at, units) end
    local taken = remove(rate.slots, rate.axis, at, units)
    pour(rate, rate.level + taken * K.SCALE)
    share_add(rate, rank, -taken)
  end
  local function settle(rate, delta, rank, at)
    local slots, burst, axis = rate.slots, rate.burst, rate.axis
    if not add(slots, axis, at, delta) then add(slots, axis, now, delta) end
    if burst and not add(burst, axis, at, delta) then add(burst, axis, now, delta) end
    spend(rate, delta, BY_LEVEL, true)
    share_add(rate, rank, delta)
  end
  for place = REPORTS, ours and RETURNS - 1 or 0, 6 do
    local at = B[place + 1]
    local to = min(at, max(B[place + 2], at - K.LEASE_MS_MAX))
    if to < at then
      for k = 1, #rates do
        local rate = rates[k]
        local slots, burst, axis = rate.slots, rate.burst, rate.axis
        local units = B[place + 2 + axis]
        add(slots, axis, to, remove(slots, axis, at, units))
        if burst then add(burst, axis, to, remove(burst, axis, at, units)) end
      end
      for k = 1, #days do
        local day = days[k]
        if day_of(at) ~= day_of(to) then
          day_charge(-B[place + 2 + day.axis], at)
          day_charge(B[place + 2 + day.axis], to)
        end
      end
    end
  end
  for place = RETURNS, ours and SETTLES - 1 or 0, 6 do
    for k = 1, #rates do
      local rate = rates[k]
      give_back(rate, B[place + 2 + rate.axis], B[place + 2], B[place + 1])
    end
    for k = 1, #days do
      local day = days[k]
      day_charge(-B[place + 2 + day.axis], B[place + 1])
    end
  end
  for place = SETTLES, OBSERVATIONS - 1, 6 do
    local at, rank = min(B[place + 1], now + K.LEASE_MS_MAX), B[place + 2]
    for k = 1, #rates do
      local rate = rates[k]
      local delta = B[place + 2 + rate.axis]
      if delta > 0 then
        settle(rate, delta, rank, at)
      elseif delta < 0 and ours then
        give_back(rate, -delta, rank, at)
      end
    end
    for k = 1, #days do
      local day = days[k]
      local delta = B[place + 2 + day.axis]
      day_charge(ours and delta or max(0, delta), at)
    end
  end
end

if fresh and observation_count > 0 then
  for place = OBSERVATIONS, SERVED - 1, 5 do
    local meter, limit, remaining = meters[B[place + 1]], B[place + 2], B[place + 3]
    if meter then
      if B[place + 4] > 0 then meter.blocked_until = max(meter.blocked_until, now + B[place + 4]) end
      if limit > 0 then
        meter.observed, meter.observed_at = limit, now
        settle_limit(meter)
      end
      if remaining >= 0 and not closed and meter ~= concurrency then
        local used = meter.slots and meter.slots.used[meter.axis] or day_used(now)
        local external = (limit > 0 and limit or meter.nominal) - remaining - used
        if external > 0 then
          if meter.slots then add(meter.slots, meter.axis, now, external) else day_charge(external, now) end
        end
      end
      local is_news = meter.multiplier == K.FULL or now - meter.lowered_at >= K.ONE_EVENT_MS
      if B[place + 5] == 1 and is_news and (meter.slots or meter == concurrency) then
        recover(meter)
        meter.multiplier = max(K.LEAST, floor(meter.multiplier * K.LOWERED_PERCENT / 100))
        meter.recovered_at, meter.lowered_at = now, now
        settle_limit(meter)
      end
    end
  end
end

local clocks, known_tags = { 0, 0, 0, 0, 0 }, {} -- (tenant_tags.py)
local function field_of(rank, tenant) return rank .. ':' .. tenant end
local function tag_of(rank, tenant)
  local one = known_tags[field_of(rank, tenant)]
  return max(clocks[rank + 1], one and one[2] or 0)
end
local function tenant_at(place) return ARGV[4 + place] end
if served_count > 0 or ask_count > 0 and #rows > 0 then
  local all = call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if all[i] == 'clocks' then
      clocks = { struct.unpack('<ddddd', all[i + 1]) }
    else
      local tag, waited_at = struct.unpack('<dd', all[i + 1])
      known_tags[all[i]] = { tonumber(string.sub(all[i], 1, 1)) + 1, tag, waited_at }
    end
  end
  if fresh and served_count > 0 then
    local count, gone, kept, least = 0, {}, {}, {}
    local function let_off()
      for k = 1, 5 do
        local sorted = {}
        for _, one in pairs(known_tags) do
          if one[1] == k then sorted[#sorted + 1] = one[2] end
        end
        table.sort(sorted)
        clocks[k] = max(clocks[k], sorted[floor(#sorted / 2) + 1] or 0)
      end
      for field, one in pairs(known_tags) do
        if one[2] <= clocks[one[1]] then
          known_tags[field], count = nil, count - 1
          gone[#gone + 1] = field
        end
      end
    end
    for field, one in pairs(known_tags) do
      if one[3] > now - K.WAITS_MS or one[2] > clocks[one[1]] and one[3] > now - K.TAG_MS then
        count = count + 1
      else
        gone[#gone + 1] = field
      end
    end
    for _, field in ipairs(gone) do known_tags[field] = nil end
    for i = 1, served_count do
      local place = SERVED + 3 * (i - 1)
      local field = field_of(B[place + 1], tenant_at(i))
      local one, k = known_tags[field], B[place + 1] + 1
      if not one and (count < K.TAGS_MAX or B[place + 2] > 0) then
        if count >= K.TAGS_MAX then let_off() end
        one, count = { k, 0, now - K.WAITS_MS }, count + 1
        known_tags[field] = one
      end
      if one then
        one[2] = max(clocks[k], max(clocks[k], one[2]) + B[place + 2])
        if B[place + 3] == 1 then one[3] = now end
        one.changed = true
      end
    end
    for field, one in pairs(known_tags) do
      if one[3] > now - K.WAITS_MS then least[one[1]] = min(one[2], least[one[1]] or one[2]) end
      if one.changed then
        kept[#kept + 1] = field
        kept[#kept + 1] = struct.pack('<dd', one[2], one[3])
      end
    end
    for k, tag in pairs(least) do clocks[k] = max(clocks[k], tag) end
    kept[#kept + 1] = 'clocks'
    kept[#kept + 1] = struct.pack('<ddddd', clocks[1], clocks[2], clocks[3], clocks[4], clocks[5])
    write_fields('HDEL', KEYS[2], gone)
    write_fields('HSET', KEYS[2], kept)
    call('PEXPIRE', KEYS[2], K.STATE_MS)
  end
end

-- ---------------------------------------------------------------- decided in every call (booking.py, waiting.py)

local own = { now, applied, joined, 0, 0 }
local granted, refused = 0, 0
local verdicts = {}
if concurrency then concurrency.used = others_in_flight + in_flight end

local too_large, fits, commit
if ask_count > 0 or stock_wanted > 0 then
  too_large = function(charge)
    for k = 1, #meters do
      local meter = meters[k]
      if (meter == concurrency and 1 or B[charge + meter.axis]) > meter.nominal then return true end
    end
    return false
  end
  local function fits_as(charge, rank, hold, at)
    if concurrency and (now < concurrency.blocked_until
      or concurrency.used + 1 + hold[CONCURRENCY] > concurrency.limit) then
      return false
    end
    for k = 1, #days do
      local day = days[k]
      local units = B[charge + day.axis]
      if units > 0 and (now < day.blocked_until or day_used(at) + units + hold[day.axis] > day.limit) then
        return false
      end
    end
    for k = 1, #rates do
      local rate = rates[k]
      local units, held = B[charge + rate.axis], hold[rate.axis]
      if units > 0 then
        if now < rate.blocked_until then return false end
        local used, burst = rate.slots.used[rate.axis], rate.burst
        if used + units + held > (rank > 0 and rate.shared_limit or rate.limit) and (used > 0 or held > 0) then
          return false
        end
        local sent = burst and burst.used[rate.axis]
        if burst and sent + units + held > rate.burst_limit and (sent > 0 or held > 0) then return false end
        rate.way = rank > 0 and way(rate, units, held) or BY_LEVEL
        if rate.way == BLOCKED then return false end
      end
    end
    return true
  end
  local as = 0
  fits = function(charge, rank, hold, at)
    as = paced and rank or 0
    if fits_as(charge, as, hold, at) then return true end
    if as == 0 or not claims_floor(rank) then return false end
    as = 0
    return fits_as(charge, 0, hold, at)
  end
  commit = function(charge, rank, at)
    if not paced then rank = 0 end
    for k = 1, #rates do
      local rate = rates[k]
      local units = B[charge + rate.axis]
      if units > 0 then
        add(rate.slots, rate.axis, at, units)
        if rate.burst then add(rate.burst, rate.axis, at, units) end
        spend(rate, units, rate.way, as == 0)
        share_add(rate, rank, units)
      end
    end
    for k = 1, #days do
      local day = days[k]
      day_charge(B[charge + day.axis], at)
    end
    if concurrency then concurrency.used = concurrency.used + 1 end
    granted = granted + 1
  end
end

-- When the charge first fits if nothing happens but that what is held goes before it: called twice in a batch at most.
local NOTHING_HELD = { 0, 0, 0, 0, 0 }
local function free_at(charge, rank, held)
  local function left_at(slots, axis, excess)
    if excess <= 0 then return now end
    local freed, from, some = 0, slots.first, 4
    while from <= slots.last do
      local to = min(slots.last, from + some - 1)
      load_range(slots, from, to)
      for slot = from, to do
        freed = freed + slots.rows[slot][axis]
        if freed >= excess then return (slot + 1) * slots.slot + slots.held end
      end
      from, some = to + 1, min(2 * some, 64)
    end
    return now
  end
  local function room_at(slots, axis, units, limit)
    return left_at(slots, axis, min(slots.used[axis] + units - limit, slots.used[axis]))
  end
  local function paced_at(rate, units, before)
    local need, kept, limit = units * K.SCALE, before * K.SCALE, rate.shared_limit
    local wanted = max(0, min(need, rate.level_max) + kept - rate.level)
    local at = rate.paced_at + ceil((wanted + rate.owed) / limit)
    if rate.owed > 0 then -- before all is repaid: the first moment T with T - repaid_ms(T) >= goal
      local goal = rate.paced_at - repaid_ms(rate.paced_at) + ceil(wanted / limit)
      at = min(at, max(rate.paced_at, floor((goal - 1) * K.REPAID_OF_MS / (K.REPAID_OF_MS - K.REPAID_MS)) + 1))
    end
    if rate.credit - kept < need then return at end
    local usable = floor((limit * K.CREDIT_USABLE_BELOW_PERCENT - 1) / 100)
    return min(at, left_at(rate.slots, rate.axis, rate.slots.used[rate.axis] - usable))
  end
  if not paced or claims_floor(rank) then rank = 0 end
  local at = now
  if concurrency then
    local room = concurrency.used + 1 <= concurrency.limit
    at = max(concurrency.blocked_until, room and now or now + K.LOOK_AGAIN_MS)
  end
  for k = 1, #days do
    local day = days[k]
    local units = B[charge + day.axis]
    if units > 0 then
      local room, tomorrow = day_used(now) + units <= day.limit, B[MIDNIGHTS + 4]
      for i = MIDNIGHTS + 3, MIDNIGHTS + 1, -1 do
        if B[i] > now then tomorrow = B[i] end
      end
      at = max(at, day.blocked_until, room and now or tomorrow)
    end
  end
  for k = 1, #rates do
    local rate = rates[k]
    local units = B[charge + rate.axis]
    if units > 0 then
      local axis, limit = rate.axis, rank > 0 and rate.shared_limit or rate.limit
      local before = held[axis]
      at = max(at, rate.blocked_until, room_at(rate.slots, axis, units + before, limit))
      if rate.burst then at = max(at, room_at(rate.burst, axis, units + before, rate.burst_limit)) end
      if rank > 0 and way(rate, units, before) == BLOCKED then at = max(at, paced_at(rate, units, before)) end
    end
  end
  return at
end

local hold
if #rows > 0 and ask_count > 0 then
  -- The top class, then those below their floor, then the others; those below first where the top class has its share.
  local function urgency(rank)
    if rank == 0 then return top_has_share() and 5 or 0 end
    return is_below_floor(rank) and rank or rank + 5
  end
  for _, row in ipairs(rows) do
    row[4] = row[3] and tag_of(row[1][row[2] + 1], row[3]) or K.LAST_TAG
  end
  hold = function(ask, ahead, turn)
    local held = { ahead[1], ahead[2], ahead[3], ahead[4], ahead[5] }
    local rank, order = B[ask + 1], B[ask + 2]
    local tag = tag_of(rank, tenant_at(B[ask + 3]))
    local own_urgency = urgency(rank)
    for _, row in ipairs(rows) do
      local its, place = row[1], row[2]
      local from = nil
      if its[place + 1] == rank then
        if row[4] < tag or row[4] == tag and its[place + 3] < order then from = place + 8 end
      elseif urgency(its[place + 1]) < own_urgency then
        from = turn and its[place + 1] > rank and place + 8 or place + 3
      end
      if from then
        for axis = 1, 5 do held[axis] = held[axis] + its[from + axis] end
      end
    end
    return held
  end
end

local ranks = {} -- by rank, the row of what waits here
local function wait_here(rank, tenant, order, requests, total, head)
  local row = ranks[rank]
  if not row then
    row = {
      rank, 0, order, 0, 0, 0, 0, 0, B[head + 1], B[head + 2], B[head + 3], B[head + 4], 1, tenant and #tenant or -1,
    }
    row.tenant = tenant or ''
    ranks[rank] = row
  end
  row[2], row[8] = row[2] + requests, row[8] + requests
  for axis = 1, 4 do row[3 + axis] = row[3 + axis] + B[total + axis] end
end

local ahead, wait_ms, turn_ms = { 0, 0, 0, 0, 0 }, 0, 0
for i = 1, ask_count do
  local ask = ASKS + 7 * (i - 1)
  local charge, rank = ask + 3, B[ask + 1]
  local held = hold and hold(ask, ahead) or ahead
  if too_large(charge) then
    verdicts[2 * i - 1], verdicts[2 * i] = -1, 0
  elseif not closed and fits(charge, rank, held, at) then
    commit(charge, rank, at)
    verdicts[2 * i - 1], verdicts[2 * i] = at, 0
  else
    if refused == 0 then
      wait_ms = free_at(charge, rank, NOTHING_HELD) - now
      if wait_ms == 0 then wait_ms = K.HELD_WAIT_MS end
      turn_ms = hold and max(wait_ms, free_at(charge, rank, hold(ask, NOTHING_HELD, true)) - now) or wait_ms
    end
    verdicts[2 * i - 1], verdicts[2 * i] = 0, wait_ms
    refused = refused + 1
    wait_here(rank, tenant_at(B[ask + 3]), B[ask + 2], 1, charge, charge)
    for axis = 1, 4 do ahead[axis] = ahead[axis] + B[charge + axis] end
    ahead[CONCURRENCY] = ahead[CONCURRENCY] + 1
  end
end
for place = DEMAND, ASKS - 1, 12 do
  local tenant = B[place + 4] > 0 and tenant_at(B[place + 4]) or nil
  if B[place + 2] > 0 then wait_here(B[place + 1], tenant, B[place + 3], B[place + 2], place + 4, place + 8) end
end

local stock, stock_at = 0, 0
if stock_wanted >= 0 and #rows == 0 and refused == 0 and not closed then
  stock_at = now + min(max(stock_ms, 0), K.LEASE_MS_MAX)
  local most = min(stock_wanted, K.STOCK_UNITS_MAX)
  local function at_once(rate)
    local used, limit = rate.slots.used[rate.axis], paced and rate.shared_limit or rate.limit
    local free = limit - used
    if rate.burst then free = min(free, rate.burst_limit - rate.burst.used[rate.axis]) end
    if not paced then return free end
    local usable = used * 100 < limit * K.CREDIT_USABLE_BELOW_PERCENT
    return min(free, floor(max(rate.level, usable and rate.credit or 0) / K.SCALE))
  end
  if most > 0 and too_large(STOCK) then most = 0 end
  for k = 1, #rates do
    local rate = rates[k]
    local free = rate.limit - rate.slots.used[rate.axis]
    if floor(free * 100 / rate.limit) <= K.STOCK_FREE_PERCENT then most = 0 end
    if B[STOCK + rate.axis] > 0 then
      most = min(most, floor(floor(free / (K.STOCK_SHARE_DIVISOR * live)) / B[STOCK + rate.axis]))
      most = min(most, max(1, floor(at_once(rate) / B[STOCK + rate.axis])))
    end
  end
  for k = 1, #days do
    local units = B[STOCK + days[k].axis]
    if units > 0 then
      local free = max(0, days[k].limit - day_used(stock_at))
      most = min(most, floor(floor(free / (K.STOCK_SHARE_DIVISOR * live)) / units))
    end
  end
  if concurrency then
    most = min(most, floor((concurrency.limit - concurrency.used) / (K.STOCK_SHARE_DIVISOR * live)))
  end
  for k = 1, #days do
    local day = days[k]
    if B[STOCK + day.axis] > 0 then
      most = min(most, max(1, floor((day.limit - day_used(stock_at)) / B[STOCK + day.axis])))
    end
  end
  for axis = 1, 4 do B[STOCK + axis] = B[STOCK + axis] * max(0, most) end
  if most > 0 and fits(STOCK, 1, { 0, 0, 0, 0, 0 }, stock_at) then
    commit(STOCK, 1, stock_at)
    stock = most
    if concurrency then concurrency.used = concurrency.used + most - 1 end
    granted = granted + most - 1
  end
end

-- ---------------------------------------------------------------- keep and answer

own[4] = in_flight + granted
local tenants = ''
for rank = 0, 4 do
  if ranks[rank] then own[5], tenants = own[5] + 1, tenants .. ranks[rank].tenant end
  for _, one in ipairs(ranks[rank] or {}) do own[#own + 1] = one end
end
local row = packed(own)
if own[5] > 0 then row = row .. tenants .. ARGV[4] end
local answer = {
  S[1], S[2], now, 1 - joined, learning and 1 or 0, stock, stock_at, #rows > 0 and 1 or 0,
  waiting[1], waiting[2], waiting[3], waiting[4], waiting[5], live, known, turn_ms,
}
for rank = 1, 5 do answer[#answer + 1] = served()[rank] end
local renew = now - S[4] >= K.RENEW_MS
if renew then S[4] = now end
S[5] = R and 1 or 0
for i, meter in ipairs(meters) do
  local s, slots, burst = HEAD + PER_METER * (i - 1), meter.slots, meter.burst
  S[s + 1], S[s + 2], S[s + 3], S[s + 4] = meter.blocked_until, meter.observed, meter.multiplier, meter.recovered_at
  local used
  if slots then
    used = slots.used[meter.axis]
    S[s + 5], S[s + 6], S[s + 7] = slots.first, slots.last, used
    S[s + 8], S[s + 9], S[s + 10] = 0, 0, 0
    if burst then S[s + 8], S[s + 9], S[s + 10] = burst.first, burst.last, burst.used[meter.axis] end
    S[s + 11], S[s + 12], S[s + 13] = meter.level, meter.credit, meter.owed
    S[s + 14], S[s + 15] = meter.paced_at, meter.step
  else
    for k = 5, 20 do S[s + k] = 0 end
    used = meter == concurrency and concurrency.used or day_used(now)
  end
  S[s + 21], S[s + 22] = meter.observed_at, meter.lowered_at
  local n = #answer
  answer[n + 1], answer[n + 2], answer[n + 3] = used, meter.limit, max(0, meter.blocked_until - now)
end
for _, slots in ipairs(windows) do write(slots) end
if days_changed then
  local kept = {}
  for day, units in pairs(by_day) do
    kept[#kept + 1] = day
    kept[#kept + 1] = units
  end
  call('DEL', KEYS[3])
  call('HSET', KEYS[3], unpack(kept))
  call('PEXPIRE', KEYS[3], K.DAYS_MS)
end
if relearned then call('HSET', KEYS[1], 'lost', packed(R)) end
call('HSET', KEYS[1], 'state', ARGV[3] .. ';' .. packed(S), worker, row)
if renew then
  for i, key in ipairs(KEYS) do
    if i ~= 3 then call('PEXPIRE', key, K.STATE_MS) end
  end
end
for _, one in ipairs(verdicts) do answer[#answer + 1] = one end
for i = 1, served_count do answer[#answer + 1] = tag_of(B[SERVED + 3 * i - 2], tenant_at(i)) end
local reply = { packed(answer) }
for _, one in ipairs(elsewhere) do reply[#reply + 1] = struct.pack('<I4', #one) .. one end
return table.concat(reply)
