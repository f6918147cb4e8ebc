-- What several proxies have used of their limits, looked at and changed at once.
-- KEYS: this proxy's sign of life; then of each scope what was used, and how many slots each proxy holds.
-- ARGV: the request as JSON. Returns what lacks as JSON: the scope's number, the limit, seconds (-1: until a slot is free).

local DAY, MINUTE, KEPT = 86400, 60, 2 * 86400
local SHORTEST = 0.0001  -- seconds; less is what floating point numbers lose

local request = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local today = math.floor(now / DAY)

redis.call('SET', KEYS[1], '1', 'PX', request.alive_ms)

local function add(bucket, amount)
    local paid = math.min(amount, bucket.owed)
    bucket.owed = bucket.owed - paid
    bucket.level = math.min(bucket.most, bucket.level + amount - paid)
end

local function take(bucket, amount)
    if amount < 0 then return add(bucket, -amount) end
    local taken = math.min(amount, bucket.level)
    bucket.level = bucket.level - taken
    bucket.owed = bucket.owed + amount - taken
end

local function opened(key, name, most)
    local saved = redis.call('HMGET', key, name .. ' level', name .. ' owed', name .. ' at')
    local bucket = { name = name, most = most, level = most, owed = 0 }
    if saved[1] then
        bucket.level, bucket.owed = math.min(tonumber(saved[1]), most), tonumber(saved[2])
        add(bucket, math.max(0, now - tonumber(saved[3])) * most / MINUTE)
    end
    return bucket
end

local function seconds_until(bucket, amount)
    local missing = math.min(amount, bucket.most) - bucket.level + bucket.owed
    local seconds = missing * MINUTE / bucket.most
    return seconds >= SHORTEST and seconds or 0
end

-- Those of proxies that live; what others held is free again.
local function held_by_others(key, proxy)
    local held, sum = redis.call('HGETALL', key), 0
    for index = 1, #held, 2 do
        if held[index] ~= proxy then
            if redis.call('EXISTS', request.sign_of_life .. held[index]) == 1 then
                sum = sum + tonumber(held[index + 1])
            else
                redis.call('HDEL', key, held[index])
            end
        end
    end
    return sum
end

local function spent_today(key)
    local saved = redis.call('HMGET', key, 'day', 'usd')
    return tonumber(saved[1] or -1) == today and tonumber(saved[2]) or 0
end

local function looked_at(scope, number)
    local key, slots = KEYS[2 * number], KEYS[2 * number + 1]
    local limits, buckets = scope.limits, {}
    if limits.requests_per_minute then
        buckets.requests = opened(key, 'requests', limits.requests_per_minute)
        take(buckets.requests, -scope.requests)
    end
    if limits.tokens_per_minute then
        buckets.tokens = opened(key, 'tokens', limits.tokens_per_minute)
        take(buckets.tokens, -scope.tokens)
    end
    return {
        key = key, slots = slots, limits = limits, buckets = buckets, held = scope.held,
        others = limits.concurrent and held_by_others(slots, request.proxy) or 0,
        usd = spent_today(key) + scope.usd,
    }
end

local function lacks_of(used, number, lacks)
    local limits = used.limits
    if limits.concurrent and used.held + used.others >= limits.concurrent then
        table.insert(lacks, { number, 'concurrent', -1 })
    end
    for limit, amount in pairs({ requests = 1, tokens = request.tokens }) do
        local bucket = used.buckets[limit]
        local seconds = bucket and seconds_until(bucket, amount) or 0
        if seconds > 0 then table.insert(lacks, { number, limit .. '_per_minute', seconds }) end
    end
    if limits.daily_usd and used.usd >= limits.daily_usd then
        table.insert(lacks, { number, 'daily_usd', (today + 1) * DAY - now })
    end
end

local function save(used)
    for name, bucket in pairs(used.buckets) do
        redis.call('HSET', used.key, name .. ' level', string.format('%.17g', bucket.level),
            name .. ' owed', string.format('%.17g', bucket.owed), name .. ' at', string.format('%.6f', now))
    end
    if used.usd > 0 then redis.call('HSET', used.key, 'day', today, 'usd', string.format('%.17g', used.usd)) end
    if used.held > 0 then
        redis.call('HSET', used.slots, request.proxy, used.held)
    else
        redis.call('HDEL', used.slots, request.proxy)
    end
    redis.call('EXPIRE', used.key, KEPT)
    redis.call('EXPIRE', used.slots, KEPT)
end

local used, lacks = {}, {}
for number, scope in ipairs(request.scopes) do used[number] = looked_at(scope, number) end
if request.takes then
    for number, each in ipairs(used) do lacks_of(each, number, lacks) end
    if #lacks == 0 then
        for _, each in ipairs(used) do
            if each.buckets.requests then take(each.buckets.requests, 1) end
            if each.buckets.tokens then take(each.buckets.tokens, request.tokens) end
            each.held = each.held + 1
        end
    end
end
for _, each in ipairs(used) do save(each) end
return #lacks > 0 and cjson.encode(lacks) or '[]'
