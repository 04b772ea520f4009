-- A read by a random key. Arguments: body with %s for the key, the first key (letters, a number), how many keys, seed, token.
-- Prints one line, RESULT and a JSON document. Requests that wrk could not complete are `broken`.

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    local position = args[1]:find("%s", 1, true)
    head, tail = args[1]:sub(1, position - 1), args[1]:sub(position + 2)
    stem, digits = args[2]:match("^(.-)(%d+)$")
    format = stem .. "%0" .. #digits .. "d"
    keys = tonumber(args[3])
    math.randomseed(tonumber(args[4]))
    headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. args[5] }
    statuses = {}
end

function request()
    local key = format:format(math.random(0, keys - 1))
    return wrk.format("POST", "/query", headers, head .. key .. tail)
end

function response(status)
    statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
    local sums = {}
    for _, thread in ipairs(threads) do
        for status, count in pairs(thread:get("statuses")) do
            sums[status] = (sums[status] or 0) + count
        end
    end
    local list = {}
    for status, count in pairs(sums) do
        table.insert(list, ('"%d": %d'):format(status, count))
    end
    local errors = summary.errors
    local broken = errors.connect + errors.read + errors.write + errors.timeout
    local line = '{"seconds": %f, "broken": %d, "p50": %f, "p99": %f, "max": %f, "statuses": {%s}}'
    local values = { summary.duration / 1e6, broken, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3 }
    print("RESULT " .. line:format(values[1], values[2], values[3], values[4], values[5], table.concat(list, ", ")))
end
