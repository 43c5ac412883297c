# A web app as small as they come, for trying gatepost: it tells who asked for what.
#
#   crystal build --release main.cr -o crystal-www-example && PORT=8080 ./crystal-www-example
require "http/server"

# Counts the requests on their way, so that none is cut at the end.
class InFlight
  include HTTP::Handler

  def initialize
    @count = Atomic(Int32).new(0)
  end

  def none?
    @count.get == 0
  end

  def call(context)
    @count.add(1)
    call_next(context)
  ensure
    @count.sub(1)
  end
end

in_flight = InFlight.new
server = HTTP::Server.new([in_flight] of HTTP::Handler) do |context|
  request, response = context.request, context.response
  response.content_type = "text/plain; charset=utf-8"
  if request.path == "/healthz"
    response.print "ok\n"
  else
    response.print "Hello from crystal-www-example\n\n#{request.method} #{request.resource}\n"
    {"Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id"}.each do |name|
      request.headers[name]?.try { |value| response.print "#{name}: #{value}\n" }
    end
  end
end

# Kubernetes takes a moment to stop sending new requests here: serve on for two seconds, then take no more and end
# when the last answer is out, at most twenty seconds later.
ended = Channel(Nil).new
Signal::TERM.trap do
  spawn do
    sleep 2.seconds
    server.close
    100.times { in_flight.none? ? break : sleep(0.2.seconds) }
    ended.send nil
  end
end

address = server.bind_tcp "0.0.0.0", ENV.fetch("PORT", "8080").to_i
puts "Listening on #{address}"
server.listen
ended.receive
